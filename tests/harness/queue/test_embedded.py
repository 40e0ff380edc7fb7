"""The server that comes with the library."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from harness import ConfigError
from harness.queue import EmbeddedServer, Queue, QueueSettings, ServerFull, StartError, TaskStatus, embedded
from tests.harness.queue.servers import Valkey


def test_a_directory_has_one_server_whoever_asks(tmp_path: Path) -> None:
    servers = [EmbeddedServer(tmp_path / "queue") for _ in range(8)]
    try:
        with ThreadPoolExecutor(8) as threads:
            started = list(threads.map(lambda server: server.start(), servers))
        assert sorted(started) == [False] * 7 + [True]
        assert len({server.pid() for server in servers}) == 1
        assert not servers[0].start()
    finally:
        assert servers[0].stop()
    assert servers[0].pid() is None
    assert not servers[0].stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not answer is soon given up."""
    monkeypatch.setattr(embedded, "START_WITHIN_S", 0.5)
    monkeypatch.setattr(embedded, "_ANSWER_WITHIN_S", 0.1)


def servers_in(directory: Path) -> list[int]:
    """The processes that run there, but for those that are over and unread."""
    running = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(directory) and process.status() != psutil.STATUS_ZOMBIE:
                running.append(process.pid)
    return running


@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_alive_and_does_not_answer_is_not_given_a_second_one(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "queue")
    server.start()
    pid = server.pid()
    assert pid is not None
    try:
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(StartError, match=rf"is alive \(process {pid}\) and does not answer") as caught:
            server.start()
        assert "\n" not in str(caught.value)
        assert (server.pid(), servers_in(server.directory)) == (pid, [pid])
        os.kill(pid, signal.SIGCONT)
        assert not server.start()
    finally:
        os.kill(pid, signal.SIGCONT)
        assert server.stop()


def test_a_server_that_is_slow_to_answer_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_ANSWER_WITHIN_S", 0.1)
    server = EmbeddedServer(tmp_path / "queue")
    server.start()
    pid = server.pid()
    assert pid is not None
    try:
        os.kill(pid, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(server.start)
            time.sleep(0.5)
            assert not asked.done()
            os.kill(pid, signal.SIGCONT)
            assert not asked.result(10)
        assert servers_in(server.directory) == [pid]
    finally:
        os.kill(pid, signal.SIGCONT)
        server.stop()


@pytest.mark.usefixtures("impatient")
def test_a_server_whose_socket_is_gone_is_known_to_live_and_is_stopped(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "queue")
    server.start()
    pid = server.pid()
    server.socket_path.unlink()
    with pytest.raises(StartError, match="is alive"):
        server.start()
    assert servers_in(server.directory) == [pid]
    assert server.stop()
    assert servers_in(server.directory) == []


@pytest.mark.usefixtures("impatient")
def test_a_server_whose_socket_is_in_another_temporary_directory_is_known_to_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedServer(tmp_path / ("d" * 60) / ("e" * 60))
    server.start()
    pid = server.pid()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    with pytest.raises(StartError, match="is alive"):
        server.start()
    assert servers_in(server.directory) == [pid]
    assert server.stop()
    assert servers_in(server.directory) == []


def test_a_halted_server_is_stopped(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "queue")
    server.start()
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    assert server.stop()
    assert (server.pid(), servers_in(server.directory)) == (None, [])


def test_only_its_user_can_get_at_it(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "queue")
    server.start()
    try:
        assert stat.S_IMODE((tmp_path / "queue").stat().st_mode) == 0o700
        assert stat.S_IMODE(server.socket_path.stat().st_mode) == 0o700
        log = next((tmp_path / "queue" / "appendonlydir").iterdir())
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
        assert psutil.Process(server.pid()).net_connections("inet") == []  # it listens on no port
    finally:
        server.stop()


def test_a_directory_that_was_there_keeps_its_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    server = EmbeddedServer(tmp_path)
    server.start()
    try:
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
        assert stat.S_IMODE(server.socket_path.stat().st_mode) == 0o700
    finally:
        server.stop()


def test_one_process_stops_what_another_that_is_still_there_has_started(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "queue")
    server.start()
    line = [sys.executable, "-m", "harness.queue", "stop", "--dir", str(tmp_path / "queue")]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert (done.returncode, done.stderr) == (0, "")
    assert server.pid() is None
    assert server.start()
    assert server.stop()


def test_it_outlives_who_started_it_and_keeps_what_it_was_given(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from harness.queue import Queue\n"
        "async def main():\n"
        "    async with Queue(directory=sys.argv[1]) as queue:\n"
        "        print(await queue.submit('a'))\n"
        "asyncio.run(main())\n"
    )
    line = [sys.executable, "-c", program, str(tmp_path / "queue")]
    task_id = subprocess.run(line, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    server = EmbeddedServer(tmp_path / "queue")
    assert server.pid() is not None
    assert server.stop()

    async def main() -> None:
        async with Queue(directory=tmp_path / "queue") as queue:
            assert await queue.status(task_id.stdout.strip()) is TaskStatus.PENDING

    try:
        asyncio.run(main())  # starts it again
    finally:
        assert server.stop()


def test_what_was_accepted_survives_sigkill_and_who_needs_the_server_revives_it(tmp_path: Path) -> None:
    server = Valkey(tmp_path / "queue")

    async def main() -> None:
        async with Queue(directory=tmp_path / "queue") as queue:
            ids = [await queue.submit(f"{n}") for n in range(20)]
            await asyncio.to_thread(server.kill)
            more = await asyncio.gather(*(queue.submit(f"{n}") for n in range(20)))
            assert len({*ids, *more}) == 40
            assert (await queue.metrics()).waiting == 40
            assert {await queue.status(task_id) for task_id in ids} == {TaskStatus.PENDING}

    try:
        asyncio.run(main())
    finally:
        assert server.embedded.stop()


def test_a_directory_with_a_long_path_has_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    server = EmbeddedServer(deep)
    assert len(os.fsencode(server.socket_path)) <= embedded.MAX_SOCKET_PATH
    assert server.socket_path == EmbeddedServer(deep).socket_path != EmbeddedServer(deep / "x").socket_path
    server.start()
    try:
        assert stat.S_IMODE(server.socket_path.parent.stat().st_mode) == 0o700
        assert server.pid() is not None
    finally:
        server.stop()


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "it's",
        'say "so"',
        "why?",
        "n*",
        "a[b]",
        "#1",
        "50%20",
        "a\\n",
        "a\nb",
        "กาแฟ",
        "{a}",
        "a:b@c;d&e=f",
    ],
)
def test_a_directory_may_be_called_anything(tmp_path: Path, name: str) -> None:
    server = EmbeddedServer(tmp_path / name)

    async def main() -> TaskStatus:
        async with Queue(directory=server.directory) as queue:
            task_id = await queue.submit("a")
        async with Queue(server.url) as queue:
            return await queue.status(task_id)

    try:
        assert asyncio.run(main()) is TaskStatus.PENDING
        assert server.log_path.parent.samefile(tmp_path / name)
        assert server.log_path.exists()
    finally:
        assert server.stop()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "queue")
    server.start()
    server.stop()
    for part in (tmp_path / "queue" / "appendonlydir").iterdir():
        part.write_bytes(b"this is no append-only file\r\n")
    with pytest.raises(StartError, match=r"does not start: .*AOF|does not start: .*[Aa]ppend"):
        server.start()
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StartError, match=r"File exists|Not a directory"):
        EmbeddedServer(file).start()


def test_a_full_disk_is_said_to_be_one_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file may not grow beyond 64 KiB: to the server it is as if the disk were full."""
    binary = embedded.get_binary_path()
    limited = tmp_path / "limited"
    limited.write_text(f'#!/bin/bash\ntrap "" XFSZ\nulimit -f 64\nexec {binary} "$@"\n')
    limited.chmod(0o700)
    server = EmbeddedServer(tmp_path / "queue")

    async def fill() -> tuple[list[str], str]:
        accepted: list[str] = []
        async with Queue(directory=tmp_path / "queue", settings=QueueSettings(patience_s=1)) as queue:
            try:
                while len(accepted) < 1000:
                    accepted.append(await queue.submit("กาแฟ" * 500))
            except ServerFull as error:
                return accepted, str(error)
        raise AssertionError("it never filled")

    async def count(accepted: list[str]) -> None:
        async with Queue(directory=tmp_path / "queue") as queue:
            states = {await queue.status(task_id) for task_id in accepted}
            assert states == {TaskStatus.PENDING}
            assert (await queue.metrics()).waiting == len(accepted)

    try:
        monkeypatch.setattr(embedded, "get_binary_path", lambda: limited)
        accepted, words = asyncio.run(fill())
        assert "cannot write: Short write" in words
        assert len(accepted) >= 5
        server.stop()
        monkeypatch.setattr(embedded, "get_binary_path", lambda: binary)
        asyncio.run(count(accepted))
    finally:
        server.stop()


@pytest.mark.parametrize(("field", "value"), [("memory_mb", 0), ("memory_mb", "512"), ("fsync", "no")])
def test_settings_that_cannot_work_are_refused(tmp_path: Path, field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{field} = {value!r}: expected"):
        EmbeddedServer(tmp_path, **{field: value})  # type: ignore[arg-type]

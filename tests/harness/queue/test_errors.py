"""What is wrong with a server is said in one line, without its password."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from harness import ConfigError
from harness.queue import (
    Queue,
    QueueError,
    QueueSettings,
    ServerFull,
    ServerRefused,
    ServerUnreachable,
    Worker,
)
from harness.queue.address import address_of
from tests.harness.queue.certificates import authority_and_server
from tests.harness.queue.rig import QUICK, Api
from tests.harness.queue.servers import QUOTED, Redis

AT_ONCE = QueueSettings(patience_s=0)

needs_redis = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="redis-server is not installed: apt-get install redis-server"
)


def opening(url: str) -> str:
    """What is said when a queue at this URL is opened."""

    async def main() -> None:
        async with Queue(url, settings=AT_ONCE):
            pass

    with pytest.raises(QueueError) as caught:
        asyncio.run(main())
    return f"{type(caught.value).__name__}: {caught.value}"


async def fill(queue: Queue) -> tuple[int, str]:
    """Submit until the server refuses: how many were accepted, and what it says."""
    for accepted in range(10_000):
        try:
            await queue.submit("กาแฟ" * 2000)
        except ServerFull as error:
            return accepted, str(error)
    raise AssertionError("it never filled")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_no_server(tmp_path: Path) -> None:
    port = free_port()
    said = opening(f"redis://user:geheim@127.0.0.1:{port}/0")
    assert said.startswith(
        f"ServerUnreachable: the queue's server at redis://127.0.0.1:{port}/0 does not answer"
    )
    assert "geheim" not in said
    assert opening(f"unix://{tmp_path}/none.sock").startswith("ServerUnreachable")


def test_something_that_is_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.settimeout(5)
        port = deaf.getsockname()[1]

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        async def main() -> None:
            url = f"redis://127.0.0.1:{port}"
            async with await asyncio.start_server(answer, sock=deaf), Queue(url, settings=AT_ONCE):
                pass

        with pytest.raises(QueueError):
            asyncio.run(main())


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@needs_redis
@pytest.mark.parametrize("password", ["", ":falsch@", "user:falsch@"])
def test_a_wrong_password(redis: Redis, password: str) -> None:
    said = opening(f"redis://{password}127.0.0.1:{redis.port}/0")
    assert said.startswith(
        f"ServerRefused: the queue's server at redis://127.0.0.1:{redis.port}/0 does not let"
    )
    assert "falsch" not in said


@needs_redis
def test_a_worker_ends_when_it_is_not_let_in(redis: Redis) -> None:
    """The password is changed while it runs; it does not knock for ever."""

    async def main() -> None:
        async with Queue(redis.url, name="refused", settings=AT_ONCE) as queue, Api().client() as client:
            queue.address = address_of(redis.url.replace(QUOTED, "old"))
            await asyncio.wait_for(Worker(queue, client).run(), 10)

    with pytest.raises(ServerRefused):
        asyncio.run(main())


@needs_redis
@pytest.mark.slow
def test_full_memory(tmp_path: Path) -> None:
    server = Redis(tmp_path, "maxmemory 16mb")
    server.start()

    async def main() -> None:
        async with Queue(server.url, settings=AT_ONCE) as queue:
            accepted, words = await fill(queue)
            assert re.search(r"has used up 8\d % of its memory: the rest is kept for the tasks it has", words)
            metrics = await queue.metrics()
            assert metrics.waiting == accepted > 50
            async with Api().client() as client:  # what was accepted is served all the same
                await asyncio.wait_for(Worker(queue, client, QUICK).run(until_empty=True), 30)
            counts = (await queue.metrics()).counts
            assert counts["completed"] == counts["submitted"] == accepted

    try:
        asyncio.run(main())
    finally:
        server.stop()


@needs_redis
def test_a_server_whose_memory_others_used_up(redis: Redis) -> None:
    async def main() -> None:
        async with Queue(redis.url, name="crowded", settings=AT_ONCE) as queue:
            await queue.ask(lambda redis: redis.config_set({"maxmemory": 100_000}))
            try:
                with pytest.raises(ServerFull, match=r"used up \d+ % of its memory"):
                    await queue.submit("a")
                with pytest.raises(ServerFull, match=r"cannot write: OOM.*; what it holds is safe"):
                    await queue.close_to_new()
            finally:
                await queue.ask(lambda redis: redis.config_set({"maxmemory": 0}))
            await queue.submit("a")

    asyncio.run(main())


@needs_redis
def test_a_full_disk(tmp_path: Path) -> None:
    """With `appendfsync everysec` a server goes on and refuses to write."""
    server = Redis(tmp_path, "appendfsync everysec")
    script = tmp_path / "limited"
    script.write_text('#!/bin/bash\ntrap "" XFSZ\nulimit -f 64\nexec redis-server "$@"\n')
    script.chmod(0o700)
    server.start(str(script))

    async def main() -> None:
        async with Queue(server.url, settings=AT_ONCE) as queue:
            accepted, words = await fill(queue)
            assert "cannot write: MISCONF" in words
            assert (await queue.metrics()).waiting >= accepted > 0

    try:
        asyncio.run(main())
    finally:
        server.kill()


@needs_redis
def test_tls_is_checked(tmp_path: Path) -> None:
    authority, certificate, key = authority_and_server("localhost")
    pem = serialization.Encoding.PEM
    (tmp_path / "ca.pem").write_bytes(authority.public_bytes(pem))
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    port = free_port()
    lines = (
        f"tls-port {port}",
        f"tls-cert-file {tmp_path}/cert.pem",
        f"tls-key-file {tmp_path}/key.pem",
        f"tls-ca-cert-file {tmp_path}/ca.pem",
        "tls-auth-clients no",
    )
    server = Redis(tmp_path, *lines)
    server.start()

    async def main() -> None:
        url = f"rediss://:{QUOTED}@localhost:{port}/0?ssl_ca_certs={tmp_path}/ca.pem"
        async with Queue(url, settings=AT_ONCE) as queue:
            await queue.submit("a")
            assert (await queue.metrics()).waiting == 1

    try:
        asyncio.run(main())
        for url in (
            f"rediss://:{QUOTED}@localhost:{port}/0",  # signed by nobody we know
            f"rediss://:{QUOTED}@127.0.0.1:{port}/0?ssl_ca_certs={tmp_path}/ca.pem",  # not its name
        ):
            said = opening(url)
            assert said.startswith("ServerUnreachable")
            assert "certificate" in said.lower()
            assert "secret" not in said
    finally:
        server.stop()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://h",
        "redis://",
        "redis://:geheim@h:port",
        "redis://:geheim@h/abc",
        "unix://geheim",
        "redis://h:99999",
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match=r"expected redis://") as caught:
        address_of(url)
    assert ":geheim" not in str(caught.value)


def test_a_password_is_shown_nowhere() -> None:
    url = f"redis://user:{QUOTED}@queue.example:6379/0"
    queue = Queue(url)
    assert "secret" not in repr(queue) + repr(queue.address) + str(queue.address)
    assert queue.address.shown == "redis://queue.example:6379/0"


def test_a_server_that_is_too_old() -> None:
    queue = Queue("redis://:secret@old.example")
    queue._check("1", "7.0.15")
    with pytest.raises(
        ServerRefused, match=r"at redis://old\.example is of version 6\.2\.1: expected .* 7 or"
    ):
        queue._check("1", "6.2.1")


def test_a_queue_has_a_name_and_is_opened_before_it_is_used(tmp_path: Path) -> None:
    for name in ("", "a b", "a:b", "ก", "x" * 101):
        with pytest.raises(ConfigError, match="name = "):
            Queue(directory=tmp_path, name=name)
    with pytest.raises(RuntimeError, match="use it as `async with"):
        asyncio.run(Queue(directory=tmp_path).metrics())


def test_unreachable_is_what_a_lost_server_is(tmp_path: Path) -> None:
    async def main() -> None:
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed: apt-get install redis-server")
        server = Redis(tmp_path)
        server.start()
        try:
            async with Queue(server.url, settings=AT_ONCE) as queue:
                await queue.submit("a")
                server.kill()
                with pytest.raises(ServerUnreachable):
                    await queue.submit("b")
                server.start()
                await queue.submit("c")
                assert (await queue.metrics()).counts == {"submitted": 2}
        finally:
            server.stop()

    asyncio.run(main())

"""The queue of a run and its workers, as processes."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.policy.presets import TUNED
from harness.queue import EmbeddedServer, QueueSettings, WorkerSettings
from harness.queued import crew as crew_module
from harness.queued.crew import Crew, _await_ready, _close, _hand_over, _how, _launch
from harness.queued.plan import Place, WorkerPlan
from harness.queued.worker import NOT_BEGUN, UNWRITTEN


def plan(folder: Path, url: str | None) -> WorkerPlan:
    return WorkerPlan(
        place=Place("evening", url, str(folder / "queue"), QueueSettings(patience_s=0)),
        folder=str(folder),
        number=1,
        base_url="http://127.0.0.1:1/v1",
        api_key="sk-none",
        wire="openai",
        model="gpt-4.1",
        policy=TUNED,
        settings=WorkerSettings(),
        transport="httpx",
        send_ids=False,
        terms=None,
        seed=1,
        index=0,
    )


def test_a_worker_that_finds_no_server_is_an_error_that_it_explains(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    crew = Crew([plan(tmp_path, "redis://:secret@127.0.0.1:1")])

    with pytest.raises(ConfigError, match="a worker of the queue did not start"):
        crew.start()

    said = capfd.readouterr().err
    assert "redis://127.0.0.1:1 does not answer" in said
    assert "secret" not in said
    assert "Traceback" not in said
    assert crew.working == 0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """That of the plan without a URL; it does not outlive the test."""
    found = EmbeddedServer(tmp_path / "queue")
    yield found
    found.stop()


def test_a_worker_whose_run_dies_before_it_begins_stops_the_server(
    tmp_path: Path, server: EmbeddedServer
) -> None:
    server.start()
    process = _launch()
    _hand_over(process, plan(tmp_path, None))
    _await_ready(process)
    _close(process.stdin)

    assert process.wait(20) == NOT_BEGUN
    _close(process.stdout)
    assert server.pid() is None


def test_a_worker_that_nobody_hears_any_more_stops_the_server(
    tmp_path: Path, server: EmbeddedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.start()
    process = _launch()
    _close(process.stdout)
    _hand_over(process, plan(tmp_path, None))
    process.wait(20)
    _close(process.stdin)

    assert server.pid() is None
    assert "Traceback" not in capfd.readouterr().err


def test_a_crew_that_is_stopped_before_it_begins_does_not_wait_for_its_workers_grace(
    tmp_path: Path, server: EmbeddedServer
) -> None:
    crew = Crew([plan(tmp_path, None)])
    crew.start()
    began_s = time.monotonic()
    crew.stop()

    assert time.monotonic() - began_s < 15
    assert (crew.working, server.pid()) == (0, None)


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), KeyboardInterrupt()])
def test_nothing_is_left_of_a_crew_that_could_not_be_started(
    tmp_path: Path, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    launched: list[subprocess.Popen[str]] = []

    def launch() -> subprocess.Popen[str]:
        if launched:
            raise error
        launched.append(_launch())
        return launched[0]

    monkeypatch.setattr(crew_module, "_launch", launch)
    with pytest.raises(type(error)):
        Crew([plan(tmp_path, None), plan(tmp_path, None)]).start()

    assert launched[0].poll() is not None
    assert server.pid() is None


@pytest.mark.slow
def test_a_worker_that_is_killed_is_told_and_the_server_ends_with_the_crew(tmp_path: Path) -> None:
    crew = Crew([plan(tmp_path, None)])
    crew.start()
    server = crew._server
    assert server is not None
    assert server.pid() is not None
    crew.go(1)
    crew._processes[0].kill()
    crew._processes[0].wait()
    crew.look()

    assert (crew.lost, crew.working) == ({1: "it was ended by SIGKILL"}, 0)
    crew.stop()
    crew.stop()
    assert server.pid() is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-15, "it was ended by SIGTERM"),
        (UNWRITTEN, "its records could not be written"),
        (1, "it ended by itself, with 1"),
    ],
)
def test_an_exit_code_in_words(code: int, words: str) -> None:
    assert _how(code) == words

"""The queue of a run and its workers, as processes."""

from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.policy.presets import TUNED
from harness.queue import QueueSettings, WorkerSettings
from harness.queued.crew import Crew, _how
from harness.queued.plan import Place, WorkerPlan
from harness.queued.worker import UNWRITTEN


def plan(folder: Path, url: str | None) -> WorkerPlan:
    return WorkerPlan(
        place=Place("evening", url, str(folder / "queue"), QueueSettings(patience_s=0)),
        folder=str(folder),
        number=1,
        base_url="http://127.0.0.1:1/v1",
        api_key="sk-none",
        policy=TUNED,
        settings=WorkerSettings(),
        transport="httpx",
        send_ids=False,
        max_requests=None,
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

"""The run as a whole, where it does not begin."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from harness.bridge import conductor
from harness.bridge.admission import Admitted
from harness.bridge.conductor import Conductor
from harness.bridge.options import settings_from
from harness.bridge.queued import Queued
from harness.play.offer import steady_offer
from harness.spending.amount import NOTHING, Amount
from tests.harness.bridge.test_queued import options


class Crew:
    """Notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.lost: dict[int, str] = {}
        self.exhausted = False
        self.working = 1

    def start(self) -> None:
        self.done.append("start")

    def go(self, started_unix_ns: int) -> None:
        del started_unix_ns
        self.done.append("go")

    def look(self) -> None:
        """Nothing to see."""

    def stop(self) -> None:
        self.done.append("stop")

    def spending(self) -> tuple[Amount, Amount]:
        return NOTHING, NOTHING


class WithCrew(Queued):
    """The queue with a crew of no processes."""

    def __init__(self) -> None:
        self.made = Crew()

    def crew(self, *_: Any, **__: Any) -> Crew:
        return self.made


def conduct(folder: Path, architecture: WithCrew) -> Conductor:
    given: Namespace = options("--run-dir", str(folder))
    offer = steady_offer(10, 1, "constant", 1)
    settings = settings_from(given)
    admitted = Admitted(settings.target("http://127.0.0.1:1", bundled=False))
    return Conductor("steady", settings, offer, admitted, ["w"], None, given, architecture)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_the_crew_of_a_run_that_cannot_begin_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def full(*_: object) -> None:
        raise error

    architecture = WithCrew()
    monkeypatch.setattr(conductor.run_folder, "write_manifest", full)
    with pytest.raises(type(error)):
        conduct(tmp_path, architecture)
    assert architecture.made.done == ["start", "stop"]


def test_the_crew_of_a_run_that_begins_is_told_when(tmp_path: Path) -> None:
    architecture = WithCrew()
    conduct(tmp_path, architecture)
    assert architecture.made.done == ["start", "go"]

"""A setting in real time: how Locust is called, what is made of its run, and both times side by side."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.policy_file import load_policy
from reports.errors import CellError
from reports.virtual import beside, real
from reports.virtual.measures import MEASURES
from reports.virtual.stage import stage_of
from tests.reports import runs
from tests.reports.virtual import small


class Locust:
    """In place of the process: leaves a run, and remembers how it was called."""

    def __init__(self, code: int = 0, said: str = "", made: int = 1) -> None:
        self._code, self._said, self._made = code, said, made
        self.called: list[list[str]] = []
        self.given: dict[str, Any] = {}

    def __call__(self, command: list[str], **given: Any) -> subprocess.CompletedProcess[str]:
        self.called.append(command)
        self.given = given
        folder = Path(command[command.index("--run-dir") + 1])
        for number in range(self._made):
            runs.paper_run(folder / f"run-{len(self.called)}-{number}")
        return subprocess.CompletedProcess(command, self._code, "", self._said)


@pytest.fixture
def locust(monkeypatch: pytest.MonkeyPatch) -> Locust:
    replaced = Locust()
    monkeypatch.setattr(subprocess, "run", replaced)
    return replaced


def options(command: list[str]) -> dict[str, str]:
    """The options with a value, by name."""
    return {a: b for a, b in pairwise(command) if a.startswith("-")}


def test_a_steady_load_is_called_as_it_is_played(tmp_path: Path, locust: Locust) -> None:
    stage = small.stage(stream=True, steady={"rate": 5, "length": "20s", "arrivals": "constant"})
    real.replay(stage, tmp_path / "x.toml", 7, tmp_path)
    (command,) = locust.called
    given = options(command)
    assert Path(given["-f"]).name == "steady.py"
    assert given | {"-f": ""} == given | {
        "-f": "",
        "--rate": "5",
        "--length": "20s",
        "--arrivals": "constant",
        "--policy": str(tmp_path / "x.toml"),
        "--seed": "7",
        "--mock-profile": "calm",
    }
    assert command[-1] == "--stream"


def test_an_evening_is_called_as_it_is_played(tmp_path: Path, locust: Locust) -> None:
    evening = {"window": "19:00-20:00", "length": "90s", "peak_rps": 12.5}
    stage = stage_of({"mock_profile": "calm", "evening": evening}, Path())
    real.replay(stage, tmp_path / "x.toml", 7, tmp_path)
    given = options(locust.called[0])
    assert Path(given["-f"]).name == "primetime.py"
    assert (given["--window"], given["--evening"], given["--peak-rps"]) == ("19:00-20:00", "90s", "12.5")
    assert (given["--arrivals"], "--stream" in locust.called[0]) == ("gamma", False)


def test_a_checkout_s_code_plays_where_it_is_asked_for(tmp_path: Path, locust: Locust) -> None:
    tree = tmp_path / "tree"
    folder = real.replay_into(small.stage(), "tuned", 7, tmp_path, real.Way("fast", tree))
    given = options(locust.called[0])
    assert folder == tmp_path / "run-1-0"
    assert (given["-f"], given["--policy"]) == (str(tree / "scenarios" / "steady.py"), "tuned")
    assert given["--transport"] == "fast"
    assert (locust.given["cwd"], locust.given["env"]["PYTHONPATH"]) == (tree, str(tree))


def test_our_own_code_plays_otherwise(tmp_path: Path, locust: Locust) -> None:
    real.replay_into(small.stage(), "tuned", 7, tmp_path)
    assert "--transport" not in locust.called[0]
    assert (locust.given["cwd"], locust.given["env"]) == (None, None)


@pytest.mark.parametrize("code", [0, 1])
def test_a_degraded_run_counts_and_says_what_was_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(subprocess, "run", Locust(code))
    assert len(real.replay(small.stage(), tmp_path / "x.toml", 1, tmp_path).calls) == 12


@pytest.mark.parametrize(
    ("process", "said"),
    [
        (Locust(2, "warning: this\nerror: that\n"), "error: that"),
        (Locust(0, "", made=0), "it said nothing"),
        (Locust(-9, "", made=1), "it said nothing"),
    ],
)
def test_a_replay_that_failed_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, process: Locust, said: str
) -> None:
    monkeypatch.setattr(subprocess, "run", process)
    with pytest.raises(CellError, match=rf"x\.toml in real time failed: {said}$"):
        real.replay(small.stage(), tmp_path / "x.toml", 1, tmp_path)


def test_both_times_side_by_side(tmp_path: Path, locust: Locust, capsys: pytest.CaptureFixture[str]) -> None:
    stage = small.stage(policy="article")
    virtual = {**small.figures(3.0), "settings": {"retry.attempts": 2}, "seed": 4}
    (pair,) = beside.replay_all(stage, [("best", virtual)], tmp_path)
    assert capsys.readouterr().err == "in real time: best, 20 s\n"
    assert load_policy(str(tmp_path / "real" / "best.toml")) == stage.policy({"retry.attempts": 2}, "best")
    # Twelve calls in 12 s, of which six are good.
    measures = [MEASURES["goodput"], MEASURES["tokens_per_good_call"]]
    told = beside.document([pair], measures)
    assert beside.heading(told) == ["measure", "best, virtual", "best, real"]
    assert beside.lines(told, measures) == [
        ["goodput", "3.00", "0.50"],
        ["tokens_per_good_call", "100", "–"],  # in real time nobody knows what was billed
    ]
    assert told == [
        {
            "name": "best",
            "seed": 4,
            "degraded": [],
            "goodput": {"virtual": 3.0, "real": 0.5},
            "tokens_per_good_call": {"virtual": 100.0, "real": None},
        }
    ]


def test_an_evening_through_a_queue_is_called_by_its_scenario(tmp_path: Path, locust: Locust) -> None:
    queue = {"workers": 3, "max_depth": 50, "deadline_s": 90, "drain_s": 30}
    document = {"mock_profile": "calm", "evening": {"length": "20s"}, "queue": queue}
    real.replay(stage_of(document, Path()), tmp_path / "x.toml", 7, tmp_path)
    given = options(locust.called[0])
    assert Path(given["-f"]).name == "queued.py"
    assert (given["--queue-workers"], given["--queue-depth"]) == ("3", "50")
    assert (given["--queue-deadline"], given["--queue-drain"]) == ("90s", "30s")


@pytest.mark.parametrize(
    ("queue", "load", "said"),
    [
        ({"tries": 2}, {"evening": {"length": "20s"}}, "scenarios/queued.py has no options for them"),
        ({"deadline_s": "off"}, {"evening": {"length": "20s"}}, "queue.deadline_s is off"),
        ({}, {"steady": small.STEADY}, "a steady load is not replayed through a queue"),
    ],
)
def test_a_queue_that_its_scenario_cannot_play_is_refused(
    queue: dict[str, Any], load: dict[str, Any], said: str, tmp_path: Path, locust: Locust
) -> None:
    stage = stage_of({"mock_profile": "calm", "queue": queue, **load}, Path())
    with pytest.raises(CellError, match=said):
        real.replay(stage, tmp_path / "x.toml", 7, tmp_path)
    assert locust.called == []

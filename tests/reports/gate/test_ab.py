"""`gate --ab` through the command line, with a double in place of Locust."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from reports.gate import pairs
from reports.virtual.real import Way
from reports.virtual.stage import Stage
from tests.reports.gate import made

Captured = pytest.CaptureFixture[str]
Replay = Callable[[Stage, str, int, Path, Way], Path]


class Played:
    """Leaves runs; those of `slow` take half as long again."""

    def __init__(self, slow: str = "") -> None:
        self._slow = slow
        self.asked: list[tuple[str, int, Way]] = []
        self.stages: list[Stage] = []
        self.calls = 250  # a p50 can be judged
        self.raises: Callable[[], None] = lambda: None

    def __call__(self, stage: Stage, policy: str, seed: int, run_dir: Path, way: Way) -> Path:
        self.asked.append((policy, seed, way))
        self.stages.append(stage)
        self.raises()
        slower = 1.5 if self._slow and policy.endswith(self._slow) else 1.0
        return made.noisy_run(run_dir / "run", len(self.asked), seed=seed, slower=slower, calls=self.calls)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Played], Played]:
    monkeypatch.chdir(tmp_path)

    def replace(double: Played) -> Played:
        monkeypatch.setattr(pairs, "replay_into", double)
        return double

    return replace


def mine(folder: Path) -> Path:
    path = folder / "mine.toml"
    path.write_text('preset = "tuned"\n[retry]\nattempts = 2\n')
    return path


def test_a_policy_against_itself_passes(play: Callable[[Played], Played], capsys: Captured) -> None:
    double = play(Played())
    assert made.gate("--ab", "tuned", "tuned") == 0
    out = capsys.readouterr().out
    assert out.startswith("tuned against tuned, 8 pairs in real time\n")
    assert "8 pairs" in out
    assert len(double.asked) == 16
    assert min(path.name for path in Path("runs/gate-ab").iterdir()) == "comparison.json"


def test_a_slower_policy_is_a_regression(
    tmp_path: Path, play: Callable[[Played], Played], capsys: Captured
) -> None:
    policy = mine(tmp_path)
    double = play(Played("mine.toml"))
    assert made.gate("--ab", "tuned", "mine.toml", "--pairs", 6, "--json", "--out", "kept") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "regression"
    by_name = {check["name"]: check for check in found["checks"]}
    assert by_name["call_latency.p50"]["verdict"] == "regression"
    assert by_name["call_latency.p50"]["noise_pairs"] == 6  # both sides of each block of one seed
    assert double.asked[1][0] == str(policy)  # absolute, wherever Locust starts
    assert (tmp_path / "kept" / "pair-06-new").is_dir()


def test_the_load_is_that_of_the_options(play: Callable[[Played], Played]) -> None:
    double = play(Played())
    given = [
        "--rate",
        "30",
        "--length",
        "20s",
        "--mock-profile",
        "calm",
        "--seed",
        "9",
        "--transport",
        "fast",
    ]
    made.gate("--ab", "tuned", "tuned", *given, "--stream", "--arrivals", "constant", "--pairs", 6)
    stage = double.stages[0]
    assert (stage.load.rps, stage.load.length_s, stage.load.arrivals) == (30, 20, "constant")
    assert (stage.profile.name, stage.stream, stage.load.window) == ("calm", True, None)
    assert double.asked[0][1:] == (9, Way("fast"))


def test_by_default_it_is_the_evening_that_play_plays(play: Callable[[Played], Played]) -> None:
    double = play(Played())
    made.gate("--ab", "tuned", "tuned", "--pairs", 6)
    stage = double.stages[0]
    assert (str(stage.load.window), stage.load.length_s, stage.load.rps) == ("19:30-20:30", 180, 20)
    assert (stage.profile.name, stage.load.arrivals, stage.stream) == ("primetime", "gamma", False)
    assert double.asked[0][1:] == (1, Way())


def test_the_same_command_goes_on_after_an_interrupt(
    play: Callable[[Played], Played], capsys: Captured
) -> None:
    def interrupt() -> None:
        if len(double.asked) == 5:
            os.kill(os.getpid(), signal.SIGINT)

    double = play(Played())
    double.raises = interrupt
    assert made.gate("--ab", "tuned", "tuned", "--pairs", 6) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(
        "interrupted: finished runs are kept in runs/gate-ab; run the same command to go on\n"
    )
    assert made.gate("--ab", "tuned", "tuned", "--pairs", 6) == 0
    assert len(double.asked) == 5 + 8


def test_a_termination_is_answered_as_an_interrupt(play: Callable[[Played], Played]) -> None:
    double = play(Played())
    double.raises = lambda: os.kill(os.getpid(), signal.SIGTERM)
    before = signal.getsignal(signal.SIGTERM)
    assert made.gate("--ab", "tuned", "tuned") == 130
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_edited_policy_is_another_comparison(
    tmp_path: Path, play: Callable[[Played], Played], capsys: Captured
) -> None:
    policy = mine(tmp_path)
    play(Played())
    assert made.gate("--ab", "tuned", policy, "--pairs", 6) == 0
    policy.write_text('preset = "tuned"\n[retry]\nattempts = 3\n')
    assert made.gate("--ab", "tuned", policy, "--pairs", 6) == 2
    assert "holds the runs of another comparison (new.toml" in capsys.readouterr().err


def test_fifty_calls_a_run_say_nothing(play: Callable[[Played], Played], capsys: Captured) -> None:
    play(Played()).calls = 50
    assert made.gate("--ab", "tuned", "tuned", "--pairs", 6) == 3
    assert "no latency can be judged: 50 calls a run" in capsys.readouterr().out

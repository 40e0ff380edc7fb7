"""Two sides in pairs: the order, what is kept, what is played again. Locust is played by a double."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports.errors import CellError, UnlikeError, UsageError
from reports.gate import pairs
from reports.gate.pairs import BASE, NEW, Comparison, Side, Turn, check_pairs, turns
from reports.virtual.real import Way
from reports.virtual.stage import Stage
from tests.reports.gate import made
from tests.reports.virtual import small


class Played:
    """In place of Locust: leaves a run, and remembers what was asked for."""

    def __init__(self) -> None:
        self.turns: list[tuple[str, int, Way]] = []
        self.degraded: list[bool] = []
        self.fails_at = 0

    def __call__(self, stage: Stage, policy: str, seed: int, run_dir: Path, way: Way) -> Path:
        assert stage.load.length_s == 20
        self.turns.append((policy, seed, way))
        if len(self.turns) == self.fails_at:
            (run_dir / "half").mkdir()
            raise KeyboardInterrupt
        bad = len(self.turns) <= len(self.degraded) and self.degraded[len(self.turns) - 1]
        number = len(self.turns)
        return made.noisy_run(
            run_dir / "run",
            number,
            seed=seed,
            calls=60,
            degraded=("the generator was the bottleneck",) if bad else (),
        )


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    double = Played()
    monkeypatch.setattr(pairs, "replay_into", double)
    return double


def comparison(number: int = 6, **plan: object) -> Comparison:
    sides = {BASE: Side("tuned", Way("fast", Path("/tree"))), NEW: Side("/x/mine.toml", Way("fast"))}
    return Comparison(small.stage(), sides, number, 5, {"policy": {"base": "tuned"}, **plan})


def test_blocks_are_abba_and_baab_with_a_seed_each() -> None:
    order = turns(8, 5)

    assert "".join("A" if turn.side == BASE else "B" for turn in order) == "ABBABAABABBABAAB"
    assert [turn.seed for turn in order] == [5] * 4 + [6] * 4 + [7] * 4 + [8] * 4
    assert [turn.pair for turn in order[:6]] == [1, 1, 2, 2, 3, 3]
    assert "".join("A" if turn.side == BASE else "B" for turn in turns(7, 5)) == "ABBABAABABBABA"


@pytest.mark.parametrize("number", [0, -1, 3, 5, 1001])
def test_too_few_pairs_are_refused(number: int) -> None:
    with pytest.raises(UsageError, match=f"--pairs {number}: expected 6 to 1000"):
        check_pairs(number)


def test_both_sides_are_played_in_turn_and_kept(tmp_path: Path, played: Played) -> None:
    base, new = comparison().play(tmp_path / "out")

    assert [policy for policy, _, _ in played.turns[:4]] == ["tuned", "/x/mine.toml", "/x/mine.toml", "tuned"]
    assert played.turns[0][2] == Way("fast", Path("/tree"))
    assert played.turns[1][2] == Way("fast")
    assert [run.seed for run in base] == [run.seed for run in new] == [5, 5, 6, 6, 7, 7]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "comparison.json",
        *(f"pair-{pair:02d}-{side}" for pair in range(1, 7) for side in (BASE, NEW)),
    ]


def test_what_is_finished_is_not_played_again(
    tmp_path: Path, played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    played.fails_at = 6
    with pytest.raises(KeyboardInterrupt):
        comparison().play(tmp_path)
    assert len(list(tmp_path.glob("pair-*"))) == 5

    comparison().play(tmp_path)
    assert len(played.turns) == 6 + 7  # the sixth was cut off, and is played again
    comparison(7).play(tmp_path)
    assert len(played.turns) == 6 + 7 + 2  # one more pair is only that
    err = capsys.readouterr().err
    assert "12 of 12 runs to play in real time, about 7 min" in err  # 35 s each
    assert "7 of 12 runs to play" in err
    assert not (tmp_path / "unfinished").exists()


def test_a_folder_of_another_comparison_is_refused(tmp_path: Path, played: Played) -> None:
    comparison().play(tmp_path)
    with pytest.raises(UsageError, match=r"another comparison \(policy.base: tuned -> naive\)"):
        comparison(policy={"base": "naive"}).play(tmp_path)
    (tmp_path / "comparison.json").write_text("{")
    with pytest.raises(UsageError, match="not JSON"):
        comparison().play(tmp_path)
    assert len(played.turns) == 12


def test_a_degraded_run_is_played_again(tmp_path: Path, played: Played) -> None:
    played.degraded = [False, True, True]
    base, new = comparison().play(tmp_path)

    assert len(played.turns) == 14
    assert not any(run.degraded for run in (*base, *new))


def test_a_run_that_stays_degraded_ends_the_comparison(
    tmp_path: Path, played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    played.degraded = [False, True, True, True]
    with pytest.raises(
        UnlikeError, match="pair-01-new is degraded, 3 times: the generator was the bottleneck"
    ):
        comparison().play(tmp_path)
    assert [path.name for path in tmp_path.glob("pair-*")] == ["pair-01-base"]
    assert capsys.readouterr().err.count("pair-01-new is degraded, and played again") == 2


def test_a_run_that_failed_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Path:
        raise CellError("the replay of tuned in real time failed: no such option")

    monkeypatch.setattr(pairs, "replay_into", fails)
    with pytest.raises(CellError, match="no such option"):
        comparison().play(tmp_path)


def test_the_folder_names_itself() -> None:
    assert Turn(3, NEW, 1).name == "pair-03-new"


def test_the_plan_is_on_disk_for_people_to_read(tmp_path: Path, played: Played) -> None:
    comparison(commit="abc").play(tmp_path)
    assert json.loads((tmp_path / "comparison.json").read_text()) == {
        "policy": {"base": "tuned"},
        "commit": "abc",
    }

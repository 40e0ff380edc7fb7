"""Findings between runs of one evening."""

from __future__ import annotations

from pathlib import Path

from harness.model import Outcome, StoppedBy
from reports.compare import result as compare
from reports.figures.objectives import DEFAULT
from reports.findings.finding import Finding
from reports.reading.load import read_run
from tests.reports import runs
from tests.reports.findings import made


def shut_out(call_id: int, due_ms: float) -> made.Made:
    call = runs.call(call_id, due_ms, due_ms, Outcome.REJECTED, attempts=0, stopped_by=StoppedBy.BREAKER)
    return call, []


def evening(folder: Path, policy: str, shut: int, late: int = 0, seed: int = 7) -> Path:
    """Two hundred calls: the first so many are shut out, the last so many late."""
    calls = [
        shut_out(n, n * 100) if n < shut else made.ok(n, n * 100, 16_000 if n >= 200 - late else 500)
        for n in range(200)
    ]
    made.write(folder, calls, seed=seed)
    runs.rewrite_manifest(folder, policy={**made.told(folder), "name": policy})
    return folder


def between(*folders: Path) -> list[Finding]:
    played = [read_run(folder) for folder in folders]
    return compare.findings(compare.collect(played, DEFAULT), compare.warnings(played))


def test_who_served_more_and_by_what(tmp_path: Path) -> None:
    (found,) = between(evening(tmp_path / "a", "article", 50), evening(tmp_path / "b", "tuned", 0, 10))
    assert (found.key, found.severity) == ("served_more", "good")
    # 190 of 200 against 150: the breaker cost 25 %, and 200 requests are a third more than 150.
    assert found.text == (
        "tuned served 20 points more calls in time than article (95 % against 75 %): article's breaker shut"
        " out 25 % of its calls; though 5.0 % of its own came too late; it sent 33 % more requests."
    )
    assert found.evidence[0] == ("call by call: 50 that article lost were served by tuned, 10 the other way")


def test_within_a_point_they_are_alike(tmp_path: Path) -> None:
    (found,) = between(evening(tmp_path / "a", "article", 2), evening(tmp_path / "b", "tuned", 1))
    assert (found.key, found.severity) == ("alike", "note")
    assert found.text == "tuned and article served alike: 99.5 % against 99 % of calls in time."


def test_the_best_is_held_against_each_other(tmp_path: Path) -> None:
    folders = [evening(tmp_path / name, name, shut) for name, shut in (("a", 40), ("b", 0), ("c", 80))]
    assert [f.text.partition(" (")[0] for f in between(*folders)] == [
        "b served 20 points more calls in time than a",
        "b served 40 points more calls in time than c",
    ]


def two_policies(folder: Path, shut: dict[int, int]) -> list[Path]:
    """`article`, of which so many calls are shut out on each seed, and `tuned`, which loses none."""
    return [
        evening(folder / f"{name}{seed}", name, lost, seed=seed)
        for name, each in (("article", shut), ("tuned", dict.fromkeys(shut, 0)))
        for seed, lost in each.items()
    ]


def test_runs_of_a_policy_are_taken_together(tmp_path: Path) -> None:
    (found,) = between(*two_policies(tmp_path, {1: 30, 2: 50}))
    assert found.text.startswith(
        "tuned served 20 points more calls in time than article (100 % against 80 %)"
    )
    assert "article: 320 requests for 400 calls" in found.evidence[1]
    assert "2 pairs of runs of one seed: of 6 on chance can be told" in found.evidence


def test_pairs_enough_tell_it_from_chance(tmp_path: Path) -> None:
    # Of 200 calls 160 to 150 are served: 1.25 to 1.33 times as many in all; in the middle 1.27 and 1.29.
    (found,) = between(*two_policies(tmp_path, {1: 40, 2: 42, 3: 43, 4: 45, 5: 48, 6: 50}))
    assert "(100 % against 78 %, more than chance has it)" in found.text
    (interval,) = [line for line in found.evidence if "95 % interval" in line]
    assert interval.startswith("1.28 times the calls in time, 95 % interval 1.2")
    assert interval.endswith("over 6 pairs of runs of one seed")


def test_a_difference_of_one_evening_in_six_may_be_chance(tmp_path: Path) -> None:
    (found,) = between(*two_policies(tmp_path, {1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 150}))
    assert "which may be chance" in found.text


def test_a_side_that_served_nothing_has_no_infinite_ratio(tmp_path: Path) -> None:
    (found,) = between(*two_policies(tmp_path / "all", dict.fromkeys(range(6), 200)))
    none = "article served none in time on half of the seeds or more"
    assert f"{none}, over 6 pairs of runs of one seed" in found.evidence
    some = {0: 100, 1: 100, 2: 200, 3: 200, 4: 200, 5: 200}
    (found,) = between(*two_policies(tmp_path / "most", some))
    assert f"{none}, 95 % interval 2.00 or more, over 6 pairs of runs of one seed" in found.evidence
    assert "inf" not in " ".join(found.evidence)


def test_one_point_is_one(tmp_path: Path) -> None:
    (found,) = between(evening(tmp_path / "a", "article", 2), evening(tmp_path / "b", "tuned", 0))
    assert found.text.startswith("tuned served 1 point more calls in time than article (100 % against 99 %)")


def test_settings_make_a_policy_as_much_as_its_name(tmp_path: Path) -> None:
    folders = [evening(tmp_path / "a", "mine", 40), evening(tmp_path / "b", "mine", 0)]
    made.policy(folders[1], deadline_s=7.0)
    (found,) = between(*folders)
    assert found.text.startswith("mine #2 served 20 points more calls in time than mine #1")


def test_one_policy_on_several_evenings_is_no_comparison(tmp_path: Path) -> None:
    folders = [evening(tmp_path / str(seed), "tuned", 40 * seed, seed=seed) for seed in (0, 1)]
    assert between(*folders) == []


def test_one_policy_played_twice_on_an_evening_is(tmp_path: Path) -> None:
    (found,) = between(evening(tmp_path / "a", "tuned", 40), evening(tmp_path / "b", "tuned", 0))
    assert found.text.startswith("tuned #2 served 20 points more calls in time than tuned #1")


def test_a_late_generator_puts_it_in_doubt(tmp_path: Path) -> None:
    folder = evening(tmp_path / "a", "article", 50)
    late = [(runs.call(n, n * 100, n * 100 + 900, start_ms=n * 100 + 60, attempts=0), []) for n in range(200)]
    made.write(tmp_path / "b", late)
    (found,) = between(folder, tmp_path / "b")
    assert "in doubt: the generator of tuned was the bottleneck" in found.evidence


def test_a_name_may_hold_anything(tmp_path: Path) -> None:
    (found,) = between(evening(tmp_path / "a", "{0.x}\x1b", 50), evening(tmp_path / "b", "tuned", 0))
    assert "{0.x} 's breaker shut out 25 % of its calls" in found.text


def test_of_few_calls_nothing_is_said(tmp_path: Path, paper: Path) -> None:
    assert between(paper, evening(tmp_path / "a", "article", 5)) == []

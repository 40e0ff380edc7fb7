from pathlib import Path
from typing import Any

from reports.compare import result as compare
from reports.compare.groups import groups, paired
from reports.figures.objectives import DEFAULT
from reports.reading.load import read_run
from tests.reports import runs


def compared(base: Path, *manifests: dict[str, Any]) -> list[compare.Compared]:
    read = [read_run(runs.paper_run(base / str(n), **m)) for n, m in enumerate(manifests)]
    return compare.collect(read, DEFAULT)


def shape(found: list[compare.Compared]) -> list[tuple[str, list[int]]]:
    return [(g.label, [c.run.manifest.seed for c in g.members]) for g in groups(found)]


def test_runs_group_by_policy_in_their_order(tmp_path: Path) -> None:
    mixed = compared(
        tmp_path,
        {"policy": "b", "seed": 1},
        {"policy": "a", "seed": 1},
        {"policy": "b", "seed": 2},
        {"policy": "a", "seed": 2},
    )
    assert shape(mixed) == [("b", [1, 2]), ("a", [1, 2])]


def test_a_name_with_other_settings_is_another_policy(tmp_path: Path) -> None:
    edited = compared(tmp_path, {"limit": 40}, {"limit": 50})
    assert shape(edited) == [("tuned #1", [7]), ("tuned #2", [7])]


def test_runs_of_one_policy_are_one_group_or_a_group_a_round(tmp_path: Path) -> None:
    seeds = compared(tmp_path / "a", *({"seed": s} for s in (1, 2, 3)))
    assert shape(seeds) == [("tuned", [1, 2, 3])]
    twice = compared(tmp_path / "b", *({"seed": s} for s in (1, 2, 1, 2, 2)))
    assert shape(twice) == [("tuned #1", [1, 2]), ("tuned #2", [1, 2]), ("tuned #3", [2])]


def test_pairs_share_a_seed_and_what_is_left_over_is_named(tmp_path: Path) -> None:
    both = compared(
        tmp_path,
        *({"policy": "base", "seed": s} for s in (3, 1, 2, 1)),
        *({"policy": "new", "seed": s} for s in (1, 3, 9)),
    )
    base, new = groups(both)
    found = paired(base, new)
    assert [(b.run.manifest.run, n.run.manifest.run) for b, n in found.pairs] == [("0", "5"), ("1", "4")]
    assert found.apart == (
        "seed 1: 1 of base without new",
        "seed 2: 1 of base without new",
        "seed 9: 1 of new without base",
    )


def test_runs_that_met_another_evening_are_no_pair_and_the_difference_is_named(tmp_path: Path) -> None:
    other = {"scenario": "primetime", "arrivals": "constant", "peak_rps": 30.0, "count": 12}
    both = compared(
        tmp_path,
        {"policy": "base"},
        {"policy": "new", "schedule": other, "profile": "calm"},
    )
    found = paired(*groups(both))
    assert found.pairs == ()
    (why,) = found.apart
    assert why.startswith("seed 7: they differ in ")
    assert "schedule.peak_rps" in why
    assert "target.profile" in why
    assert "seed," not in why

"""A direct and a queued run of one evening, side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports.compare import page, plots
from reports.compare import result as compare
from reports.compare.groups import groups
from reports.figures.objectives import DEFAULT
from reports.findings.compared import sides_of
from reports.reading.load import read_run
from tests.reports import runs

ROWS = {
    "acceptance p50": ("–", "–"),  # five calls are too few for a percentile
    "refused by the queue": ("–", "1"),
    "backlog at its most": ("–", "2"),
    "drained after the peak": ("–", "4 s"),
}


@pytest.fixture(scope="module")
def both(paper: Path, queued: Path) -> list[compare.Compared]:
    return compare.collect([read_run(paper), read_run(queued)], DEFAULT)


def test_runs_of_one_policy_are_told_apart_by_their_architecture(both: list[compare.Compared]) -> None:
    assert [c.label for c in both] == ["tuned direct", "tuned queued"]
    assert [g.label for g in groups(both)] == ["tuned direct", "tuned queued"]
    sides = sides_of([(c.label, c.run, c.summary) for c in both])
    assert [side.label for side in sides] == ["tuned direct", "tuned queued"]


def test_another_setting_of_the_queue_is_another_side(paper: Path, queued: Path, tmp_path: Path) -> None:
    shallow = runs.queued_run(tmp_path / "shallow", max_depth=1)
    again = runs.queued_run(tmp_path / "again")  # as the first, under another name
    several = compare.collect([read_run(f) for f in (paper, queued, shallow, again)], DEFAULT)

    labels = ["tuned direct", "tuned queued #1", "tuned queued #2"]
    assert [g.label for g in groups(several)] == labels
    assert [len(g.members) for g in groups(several)] == [1, 2, 1]
    assert [side.label for side in sides_of([(c.label, c.run, c.summary) for c in several])] == labels


def test_runs_that_are_all_queued_keep_their_policies_names(tmp_path: Path) -> None:
    several = [read_run(runs.queued_run(tmp_path / p, policy=p)) for p in ("tuned", "naive")]
    assert compare.labels(several) == ["tuned", "naive"]


def test_the_name_of_a_scenario_is_no_other_evening(paper: Path, tmp_path: Path) -> None:
    folder = runs.queued_run(tmp_path / "queued")
    schedule = json.loads((folder / "manifest.json").read_text())["schedule"]
    runs.rewrite_manifest(folder, schedule={**schedule, "scenario": "queued"})
    assert compare.warnings([read_run(paper), read_run(folder)]) == []

    runs.rewrite_manifest(folder, schedule={**schedule, "scenario": "queued", "peak_rps": 9.0})
    (warning,) = compare.warnings([read_run(paper), read_run(folder)])
    assert warning == "the runs differ in more than policy: schedule.peak_rps (1.0 / 9.0)"


def test_the_table_has_the_queue_s_rows_with_nothing_for_the_direct_run(both: list[compare.Compared]) -> None:
    found = {row.name: row.cells for row in compare.rows(both)}
    assert {name: found[name] for name in ROWS} == ROWS
    assert not {*ROWS} & {row.name for row in compare.rows(both[:1])}


def test_the_page_shows_the_backlog_where_a_run_has_one(both: list[compare.Compared]) -> None:
    shown = page.render(both, [])
    assert "tuned queued: At most 2 tasks waited; the oldest for 3 s; drained 4 s after the peak." in shown
    assert plots.has_queue(both)
    assert not plots.has_queue(both[:1])

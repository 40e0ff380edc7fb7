"""Faults injected by hand, as the events table tells of them."""

from __future__ import annotations

from pathlib import Path

from reports.figures.injected import Injected, injected
from reports.reading.load import read_run
from tests.reports.findings import made
from tests.reports.runs import Note


def test_each_lasts_its_time_or_until_all_are_cleared(tmp_path: Path) -> None:
    notes = [
        Note(2000, "fault", 3.0, "outage"),
        Note(4000, "fault", 60.0, "429s 20 %"),
        Note(9000, "fault", 0.0, ""),
        Note(12_000, "fault", 5.0, "outage"),
        Note(13_000, "loop_lag", 0.5),
    ]
    run = read_run(made.write(tmp_path / "run", made.every(120), notes=notes))
    assert injected(run.events) == [
        Injected("outage", 2.0, 5.0),
        Injected("429s 20 %", 4.0, 9.0),
        Injected("outage", 12.0, 17.0),
    ]


def test_most_runs_have_none(tmp_path: Path) -> None:
    assert injected(read_run(made.write(tmp_path / "run", made.every(120))).events) == []

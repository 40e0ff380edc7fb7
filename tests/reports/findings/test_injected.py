"""That faults were injected by hand is said, and no problem of the run."""

from __future__ import annotations

from pathlib import Path

from reports.figures.objectives import DEFAULT
from reports.reading.load import read_run
from reports.summary.page import render
from reports.summary.result import summarise
from tests.reports.findings import made
from tests.reports.runs import Note


def test_they_are_named_with_when_and_for_how_long(tmp_path: Path) -> None:
    notes = [Note(2000, "fault", 4.0, "outage"), Note(8000, "fault", 2.0, "outage")]
    folder = made.write(tmp_path / "run", made.every(200), notes=notes)
    found = made.found(folder)
    assert found["faults_injected"] == {
        "key": "faults_injected",
        "severity": "note",
        "text": "Faults were injected by hand (outage): what failed then was meant to.",
        "evidence": ["outage, 2–6 s, for 4.00 s", "outage, 8–10 s, for 2.00 s"],
    }
    assert "nothing_wrong" in found  # of calls that were all served


def test_the_evening_of_the_page_shows_them(tmp_path: Path) -> None:
    notes = [Note(2000, "fault", 4.0, "a drill")]
    run = read_run(made.write(tmp_path / "run", made.every(200), notes=notes))
    assert ">a drill</text>" in render(run, DEFAULT, summarise(run, DEFAULT))


def test_a_run_without_any_says_nothing_of_them(tmp_path: Path) -> None:
    assert "faults_injected" not in made.found(made.write(tmp_path / "run", made.every(200)))

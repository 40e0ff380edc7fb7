"""Whether a run can be believed."""

from __future__ import annotations

from pathlib import Path

from harness.model import CallFinished
from reports.findings.rules import NOT_TRUSTED
from tests.reports import runs
from tests.reports.findings import made


def test_a_late_generator_casts_doubt_on_all_else(tmp_path: Path) -> None:
    late = [
        (
            runs.call(n, n * 100, n * 100 + 20_060, start_ms=n * 100 + 60),
            [runs.attempt(n, 1, n * 100 + 60, 20_000)],
        )
        for n in range(120)
    ]
    cpu = [runs.Note(0, "cpu", 0.0), runs.Note(1000, "cpu", 0.97), runs.Note(2000, "loop_lag", 0.075)]
    found = made.found(made.write(tmp_path, late, notes=cpu))
    generator = found.pop("generator_saturated")
    assert generator["severity"] == "problem"
    assert "not to be trusted" in generator["text"]
    assert "worker 0 used 97 % of a core in its busiest second" in generator["evidence"][0]
    assert "its event loop woke up to 75.0 ms late" in generator["evidence"]
    assert "calls_lost" in found  # 20 s and more, where 15 s are asked for
    assert "nothing_wrong" not in found
    assert all(f["evidence"][0] == NOT_TRUSTED for f in found.values())


def test_a_run_that_was_cut_off_is_not_whole(tmp_path: Path) -> None:
    folder = made.write(tmp_path, made.every(120))
    (folder / "ending.json").unlink()
    found = made.found(folder)
    assert found["run_incomplete"]["text"] == (
        "The run is not whole: no ending was written: the run was cut off, and 1 more reason."
    )
    assert "nothing_wrong" not in found


def test_further_reasons_are_counted_and_listed(tmp_path: Path) -> None:
    folder = made.write(tmp_path, made.every(120))
    runs.ending(folder, {"0": 120}, arrivals_end_s=20, degraded=["worker 1 was lost", "the disk was full"])
    found = made.found(folder)["run_incomplete"]
    assert found["text"] == "The run is not whole: worker 1 was lost, and 1 more reason."
    assert found["evidence"] == ["worker 1 was lost", "the disk was full"]


def test_calls_that_never_ended_are_an_unfinished_drain_and_nothing_else(tmp_path: Path) -> None:
    found = made.found(made.write(tmp_path, made.every(120), scheduled=125))
    assert set(found) == {"unfinished_drain", "never_the_limit"}
    assert found["unfinished_drain"]["text"].startswith("5 calls of 125 had not ended when the run did")
    assert found["unfinished_drain"]["evidence"] == ["the drain took 4 s"]


def test_of_few_calls_nothing_more_is_said(tmp_path: Path) -> None:
    found = made.found(made.write(tmp_path / "few", made.every(99)))
    assert {key: f["severity"] for key, f in found.items()} == {"few_calls": "note"}
    assert "few_calls" not in made.found(made.write(tmp_path / "enough", made.every(100)))


def two_workers(folder: Path, late_ms: tuple[int, int], cpu_s: tuple[float, float]) -> made.Found:
    """A thousand calls each, late by so much, and so many CPU seconds in one of two seconds."""
    folder.mkdir(exist_ok=True)
    runs.manifest(folder, workers=2)
    for worker, (late, spent) in enumerate(zip(late_ms, cpu_s, strict=True)):
        calls = [runs.call(2 * n + worker, n, n + 500, start_ms=n + late, attempts=0) for n in range(1000)]
        notes = [runs.Note(0, "cpu", 0.0), runs.Note(1000, "cpu", spent)]
        runs.record(folder, worker, [CallFinished(c) for c in calls], notes)
    runs.ending(folder, {"0": 1000, "1": 1000}, arrivals_end_s=1.0)
    return made.found(folder)


def test_a_worker_that_is_later_than_the_others_is_named(tmp_path: Path) -> None:
    found = two_workers(tmp_path, (2, 20), (0.3, 0.3))["hot_worker"]
    assert found["text"].endswith("schedule lag p99 20.0 ms, 2.0 ms in the middle.")
    assert found["text"].startswith("Worker 1 ")
    assert found["evidence"][0] == "worker 0: schedule lag p99 2.0 ms, 30 % of a core"


def test_a_worker_that_is_busier_than_the_others_is_named(tmp_path: Path) -> None:
    found = two_workers(tmp_path, (1, 1), (0.95, 0.4))["hot_worker"]
    assert found["text"].startswith("Worker 0 ")
    assert found["text"].endswith("95 % of a core, the next 40 %.")


def test_workers_that_are_alike_are_not_told_of(tmp_path: Path) -> None:
    assert "hot_worker" not in two_workers(tmp_path / "late", (9, 40), (0.3, 0.3))  # not five times as late
    assert "hot_worker" not in two_workers(tmp_path / "busy", (1, 1), (0.95, 0.5))

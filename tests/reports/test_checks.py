from pathlib import Path

import pytest

from harness.model import AttemptFinished, CallFinished
from reports import checks
from reports.load import read_run
from tests.reports import runs


def degraded(folder: Path) -> list[str]:
    return checks.degraded(read_run(folder))


def test_a_sound_run_has_no_reason(paper: Path) -> None:
    assert degraded(paper) == []
    assert checks.in_flight_at_end(read_run(paper)) == 0


def test_a_missing_ending_is_a_reason(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    (folder / "ending.json").unlink()
    assert degraded(folder) == ["no ending was written: the run was cut off"]


def test_the_runs_own_reasons_come_first_and_once(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    runs.ending(folder, {"0": 13}, degraded=["worker 1 was lost", "1 calls were scheduled but not recorded"])
    assert degraded(folder) == ["worker 1 was lost", "1 calls were scheduled but not recorded"]


def test_lost_calls_are_counted_over_workers(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    runs.ending(folder, {"0": 12, "1": 5})
    assert checks.in_flight_at_end(read_run(folder)) == 5
    assert degraded(folder) == ["5 calls were scheduled but not recorded"]


def test_a_call_recorded_twice_does_not_hide_a_lost_one(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    once, twice = runs.call(0, 0, 10, attempts=0), runs.call(1, 5, 10, attempts=0)
    runs.record(tmp_path, 0, [CallFinished(c) for c in (once, twice, twice)])
    runs.ending(tmp_path, {"0": 3})
    assert degraded(tmp_path) == [
        "1 calls were scheduled but not recorded",
        "1 calls were recorded more than once",
    ]


def test_more_calls_than_scheduled_is_a_reason(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    runs.ending(folder, {"0": 10})
    assert checks.in_flight_at_end(read_run(folder)) == 0
    assert degraded(folder) == ["2 calls were recorded but never scheduled"]


def test_a_cut_stream_is_named(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    (path,) = folder.glob("events-*.arrow")
    path.write_bytes(path.read_bytes()[:-3])
    (reason,) = degraded(folder)
    assert path.name in reason


def test_attempts_must_add_up(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    finished = CallFinished(runs.call(0, 0, 10, attempts=2))
    runs.record(tmp_path, 0, [AttemptFinished(runs.attempt(0, 1, 0, 10)), finished])
    runs.ending(tmp_path, {"0": 1})
    assert degraded(tmp_path) == ["the calls counted 2 attempts, but 1 were recorded"]


@pytest.mark.parametrize(("lag_ms", "late"), [(50.0, False), (51.0, True)])
def test_a_late_generator_is_the_bottleneck(tmp_path: Path, lag_ms: float, late: bool) -> None:  # noqa: FBT001
    runs.manifest(tmp_path)
    calls = [runs.call(n, n, n + 99, start_ms=n + lag_ms, attempts=0) for n in range(50)]
    runs.record(tmp_path, 0, [CallFinished(c) for c in calls])
    runs.ending(tmp_path, {"0": 50})
    expected = ["the generator was the bottleneck: schedule lag p99 = 51.0 ms"] if late else []
    assert degraded(tmp_path) == expected


def test_a_closed_loop_has_no_schedule_to_lag_behind(tmp_path: Path) -> None:
    runs.manifest(tmp_path, schedule={"scenario": "primetime", "arrivals": "closed"})
    runs.record(tmp_path, 0, [CallFinished(runs.call(0, 0, 900, start_ms=800, attempts=0))])
    runs.ending(tmp_path, {"0": 1})
    assert degraded(tmp_path) == []

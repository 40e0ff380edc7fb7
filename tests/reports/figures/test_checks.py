from pathlib import Path

import pytest

from harness.model import AttemptFinished, CallFinished
from reports.figures import checks
from reports.reading.load import read_run
from tests.reports import runs


def degraded(folder: Path) -> list[str]:
    return checks.degraded(read_run(folder))


def test_a_sound_run_has_no_reason(paper: Path) -> None:
    assert degraded(paper) == []
    assert checks.in_flight_at_end(read_run(paper)) == 0


def test_a_missing_ending_is_a_reason(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    (folder / "ending.json").unlink()
    assert degraded(folder) == [
        "no ending was written: the run was cut off",
        "the last record is of second 38.0; arrivals were to go on until second 12",
    ]


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


def late_run(folder: Path, cpu_s: tuple[float, float], **of_manifest: object) -> list[str]:
    """Two workers late by 60 ms, each with one second of known CPU time."""
    runs.manifest(folder, workers=2)
    runs.rewrite_manifest(folder, **of_manifest)
    for worker, spent_s in enumerate(cpu_s):
        call = runs.call(worker, 0, 99, start_ms=60, attempts=0)
        notes = [runs.Note(0, "cpu", 0.1), runs.Note(1000, "cpu", spent_s)]
        runs.record(folder, worker, [CallFinished(call)], notes)
    runs.ending(folder, {"0": 1, "1": 1})
    return degraded(folder)


BOTTLENECK = "the generator was the bottleneck: schedule lag p99 = 60.0 ms"
FULL = f"{BOTTLENECK}; worker 1 used 97 % of a core in its busiest second"


@pytest.mark.parametrize(
    ("of_manifest", "expected"),
    [
        (
            {"machine": {"cpus": 8}, "generator": {"transport": "httpx", "stream": False}},
            f"{FULL}; try --transport fast or --processes 4",
        ),
        ({"machine": {"cpus": 3}, "generator": {"transport": "fast"}}, f"{FULL}; try --processes 3"),
        ({"machine": {"cpus": 2}, "generator": {"transport": "httpx"}}, f"{FULL}; try --transport fast"),
        ({"machine": {}}, FULL),
    ],
)
def test_a_worker_without_cpu_left_is_named_with_what_would_relieve_it(
    tmp_path: Path, of_manifest: dict[str, object], expected: str
) -> None:
    assert late_run(tmp_path, (0.95, 0.97), **of_manifest) == [expected]


@pytest.mark.parametrize(("cpu_s", "others"), [(0.9, False), (0.89, True)])
def test_a_late_generator_without_a_whole_core_says_that_others_may_have_held_it(
    tmp_path: Path,
    cpu_s: float,
    others: bool,  # noqa: FBT001
) -> None:
    (reason,) = late_run(tmp_path, (cpu_s, 0.1), machine={"cpus": 8})
    assert reason.startswith(f"{BOTTLENECK}; worker 0 used {100 * cpu_s:.0f} % of a core")
    assert ("other processes may have held the rest" in reason) == others
    assert reason.endswith("; try --processes 4")


@pytest.mark.parametrize(
    ("late_ms", "took_ms", "reason"),
    [
        (12, 10, "schedule lag p99 = 12.0 ms, more than a reply took (e2el p50 = 10.0 ms)"),
        (12, 13, None),
        (9, 1, None),  # so little is said of nobody
    ],
)
def test_lateness_counts_beside_what_a_reply_takes(
    tmp_path: Path, late_ms: int, took_ms: int, reason: str | None
) -> None:
    runs.manifest(tmp_path)
    events: list[AttemptFinished | CallFinished] = []
    for n in range(30):
        sent_ms, end_ms = n + late_ms, n + late_ms + took_ms
        events.append(AttemptFinished(runs.attempt(n, 1, sent_ms, end_ms)))
        events.append(CallFinished(runs.call(n, n, end_ms, start_ms=sent_ms)))
    runs.record(tmp_path, 0, events)
    runs.ending(tmp_path, {"0": 30})
    expected = [] if reason is None else [f"the generator was the bottleneck: {reason}"]
    assert degraded(tmp_path) == expected


def test_a_busy_generator_that_keeps_its_schedule_is_no_reason(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    notes = [runs.Note(0, "cpu", 0.0), runs.Note(1000, "cpu", 1.0)]
    runs.record(tmp_path, 0, [CallFinished(runs.call(0, 0, 9, attempts=0))], notes)
    runs.ending(tmp_path, {"0": 1})
    assert degraded(tmp_path) == []


def test_a_closed_loop_has_no_schedule_to_lag_behind(tmp_path: Path) -> None:
    runs.manifest(tmp_path, schedule={"scenario": "primetime", "arrivals": "closed"})
    runs.record(tmp_path, 0, [CallFinished(runs.call(0, 0, 900, start_ms=800, attempts=0))])
    runs.ending(tmp_path, {"0": 1})
    assert degraded(tmp_path) == []

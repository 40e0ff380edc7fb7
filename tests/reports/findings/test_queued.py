"""Runs through a queue: what it did is not put down to the client's bounds, nor to the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.model import Outcome, StoppedBy
from tests.reports import runs
from tests.reports.findings import made

BOUNDS = {"limits_low", "permits_bound", "permits_ramp", "own_rate", "rate_waits", "held_up"}


def refused(call_id: int, due_ms: float) -> made.Made:
    """A call that the queue did not take."""
    detail = "the queue is full: at most 20 tasks may wait or run"
    call = runs.call(
        call_id, due_ms, due_ms, Outcome.REJECTED, attempts=0, stopped_by=StoppedBy.ADMISSION, detail=detail
    )
    return call, []


def taken(call_id: int, due_ms: float) -> made.Made:
    return made.ok(call_id, due_ms, accepted_ms=due_ms, taken_up_ms=due_ms)


def turned_away(call_id: int, due_ms: float) -> made.Made:
    """A call that the queue took, and a worker's client turned away."""
    call = runs.call(
        call_id,
        due_ms,
        due_ms,
        Outcome.REJECTED,
        attempts=0,
        stopped_by=StoppedBy.ADMISSION,
        accepted_ms=due_ms,
        taken_up_ms=due_ms,
    )
    return call, []


@pytest.mark.parametrize("limit", [40, None])
def test_a_full_queue_is_no_rate_limit(tmp_path: Path, limit: int | None) -> None:
    calls = [refused(n, n * 100) if 100 <= n < 160 else taken(n, n * 100) for n in range(200)]
    folder = made.write(tmp_path, calls, limit=limit)
    made.through_queue(folder)
    found = made.found(folder)
    assert found["queue_full"]["severity"] == "problem"
    assert found["queue_full"]["text"] == (
        "10–16 s: the queue was full (20 tasks): 30 % of calls were turned away."
    )
    assert "60 calls: the queue is full: at most 20 tasks may wait or run" in found["queue_full"]["evidence"]
    assert not BOUNDS & set(found)


def test_a_worker_that_turns_tasks_away_at_its_own_door_does_not_make_the_queue_full(tmp_path: Path) -> None:
    calls = [turned_away(n, n * 100) if 100 <= n < 160 else taken(n, n * 100) for n in range(200)]
    folder = made.write(tmp_path, calls)
    made.through_queue(folder)
    found = made.found(folder)
    assert "queue_full" not in found
    assert BOUNDS & set(found) == {"held_up"}


def test_a_depth_that_never_filled_is_not_told(tmp_path: Path) -> None:
    folder = made.write(tmp_path, [taken(n, n * 100) for n in range(200)])
    made.through_queue(folder)
    assert set(made.found(folder)) == {"nothing_wrong"}

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


def left_waiting(call_id: int, due_ms: float, queue_ms: float, wire_ms: float = 1000) -> made.Made:
    """A call served at once when a worker takes it up, which is late."""
    taken_ms = due_ms + queue_ms
    call = runs.call(call_id, due_ms, taken_ms + wire_ms, accepted_ms=due_ms, taken_up_ms=taken_ms)
    return call, [runs.attempt(call_id, 1, taken_ms, taken_ms + wire_ms)]


def test_late_calls_waited_in_the_queue_not_on_the_wire(tmp_path: Path) -> None:
    calls = [left_waiting(n, n * 100, 19_000) if n >= 100 else taken(n, n * 100) for n in range(200)]
    folder = made.write(tmp_path, calls)
    made.through_queue(folder)
    (late,) = [line for line in made.found(folder)["calls_lost"]["evidence"] if "too late" in line]
    assert (
        late == "100 calls ok, but too late; of their time: 95 % waiting in the queue and 5.0 % on the wire"
    )


def out_of_time(call_id: int, due_ms: float, *, taken_up: bool) -> made.Made:
    """A call cut by its deadline of 5 s: it waited for 4 s, or was never taken up."""
    end_ms, taken_ms = due_ms + 5000, due_ms + 4000
    call = runs.call(
        call_id,
        due_ms,
        end_ms,
        Outcome.DEADLINE,
        attempts=int(taken_up),
        stopped_by=StoppedBy.DEADLINE,
        accepted_ms=due_ms,
        taken_up_ms=taken_ms if taken_up else None,
    )
    return call, [runs.attempt(call_id, 1, taken_ms, end_ms, Outcome.DEADLINE)] if taken_up else []


@pytest.mark.parametrize(("taken_up", "queue", "wire"), [(True, "80 %", "20 %"), (False, "100 %", "0 %")])
def test_a_deadline_that_ran_out_in_the_queue_is_not_too_short(
    tmp_path: Path, *, taken_up: bool, queue: str, wire: str
) -> None:
    slow = [
        out_of_time(n, n * 100, taken_up=taken_up)
        if n % 5 == 0
        else made.ok(n, n * 100, 4000, accepted_ms=n * 100, taken_up_ms=n * 100)
        for n in range(200)
    ]
    folder = made.write(tmp_path, slow)
    made.through_queue(folder)
    made.policy(folder, deadline_s=5.0)
    found = made.found(folder)
    assert "deadline_short" not in found
    assert found["out_of_time"]["text"].endswith(f"{queue} of their time went by waiting in the queue.")
    assert found["out_of_time"]["evidence"][1] == (
        f"of their time: {queue} waiting in the queue, 0 % waiting for leave to send, 0 % waiting between"
        f" attempts, {wire} on the wire"
    )

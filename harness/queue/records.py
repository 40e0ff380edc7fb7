"""From what the server holds of a task to what its callers see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.queue.documents import EndDocument, TaskDocument, decode
from harness.queue.errors import UnreadableValue
from harness.queue.tasks import CopywritingTask, Metrics, Priority, TaskRecord, TaskResult, TaskStatus

_MS = 1000.0

#: Tasks ended in a minute, under which their rate tells nothing of the next minutes.
LEAST_DONE = 5

#: In the order of metrics.lua.
_DEPTHS = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


def record_of(task_id: str, fields: Mapping[str, str]) -> TaskRecord:
    """A task from its hash. Raises NewerVersion, UnreadableValue of a result."""
    return TaskRecord(
        task_id=task_id,
        status=TaskStatus(fields["state"]),
        priority=Priority(fields["priority"]),
        key=fields["key"],
        submitted_at=int(fields["submitted_ms"]) / _MS,
        not_before_at=_instant(fields, "not_before_ms"),
        deadline_at=_instant(fields, "deadline_ms"),
        started_at=_instant(fields, "started_ms"),
        tries=int(fields["tries"]),
        attempts=int(fields["attempts"]),
        worker=fields.get("worker"),
        last_error=fields.get("last_error"),
        task=_task_of(task_id, fields),
        result=result_of(task_id, fields),
    )


def result_of(task_id: str, fields: Mapping[str, str]) -> TaskResult | None:
    """The result of a task from its hash; None of one that has not ended. Raises as `record_of`."""
    if "result" not in fields:
        return None
    end = decode(fields["result"], EndDocument, f"the result of task {task_id}")
    finished_ms = int(fields["finished_ms"])
    return TaskResult(
        task_id=task_id,
        status=TaskStatus(fields["state"]),
        text=end.text,
        model=end.model,
        finish_reason=end.finish_reason,
        usage=end.usage,
        request_id=end.request_id,
        error=end.error,
        message=end.message,
        latency_ms=float(finished_ms - int(fields["submitted_ms"])),
        call_ms=end.call_ms,
        call=end.call,
        attempts=int(fields["attempts"]),
        tries=int(fields["tries"]),
        finished_at=finished_ms / _MS,
    )


def _task_of(task_id: str, fields: Mapping[str, str]) -> CopywritingTask | None:
    """What was submitted. One that nobody can read is a dead letter: that has to be listed all the same."""
    if "body" not in fields:
        return None
    try:
        return decode(fields["body"], TaskDocument, f"task {task_id}").task
    except UnreadableValue:
        return None


def metrics_of(reply: Sequence[Any]) -> Metrics:
    """The reply of metrics.lua."""
    now, depths, delayed, processing, dead, workers, oldest, done, in_ms, closed, counts = reply
    waiting = sum(depths)
    return Metrics(
        at=int(now) / _MS,
        depth=dict(zip(map(str, _DEPTHS), depths, strict=True)),
        delayed=delayed,
        processing=processing,
        dead=dead,
        workers=workers,
        oldest_age_s=None if oldest == "" else (int(now) - float(oldest)) / _MS,
        completion_rate_per_s=rate_of(done, in_ms),
        wait_s=wait_of(waiting + processing, done, in_ms),
        closed=bool(closed),
        counts={name: int(value) for name, value in zip(counts[::2], counts[1::2], strict=True)},
    )


def rate_of(done: int, in_ms: int) -> float:
    """Tasks ended a second: so many in so many milliseconds, at least one second."""
    return done / max(1.0, in_ms / _MS)


def wait_of(depth: int, done: int, in_ms: int) -> float | None:
    """Seconds until so many have been served at that rate; None when too few were, to tell."""
    if depth == 0:
        return 0.0
    return depth / rate_of(done, in_ms) if done >= LEAST_DONE else None


def _instant(fields: Mapping[str, str], name: str) -> float | None:
    """An instant in seconds; 0 and nothing at all are none."""
    value = int(fields.get(name) or 0)
    return value / _MS if value else None

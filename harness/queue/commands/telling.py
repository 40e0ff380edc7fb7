"""What commands print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from harness.queue.tasks import Metrics, TaskRecord, TaskResult

#: Of a text in a line of a list.
SHORT = 60


def as_json(value: Any) -> str:
    """A value as one line of JSON."""
    return msgspec.json.encode(value).decode()


def metrics_text(name: str, m: Metrics) -> str:
    """The queue at one instant, for people."""
    depth = ", ".join(f"{count} {priority}" for priority, count in m.depth.items())
    age = "" if m.oldest_age_s is None else f"; the oldest was submitted {m.oldest_age_s:.1f} s ago"
    wait = "unknown: too few were completed in the last minute" if m.wait_s is None else f"{m.wait_s:.1f} s"
    lines = [
        f"queue       {name}{' (closed: it takes no tasks)' if m.closed else ''}",
        f"waiting     {m.waiting} ({depth}), {m.delayed} of them until later{age}",
        f"processing  {m.processing}, by {m.workers} workers",
        f"ended       {m.completion_rate_per_s:.2f} /s over the last minute; a new task waits about {wait}",
        f"dead        {m.dead}",
        "since the queue was made  "
        + (", ".join(f"{n} {name}" for name, n in sorted(m.counts.items())) or "-"),
    ]
    return "\n".join(lines)


def record_text(record: TaskRecord) -> str:
    """One task, for people."""
    lines = [
        f"{record.task_id}  {record.status}  {record.priority}, {record.tries} tries, {record.attempts} sent"
    ]
    if record.result is not None:
        lines.append(f"  {result_text(record.result)}")
    elif record.last_error:
        lines.append(f"  last: {record.last_error}")
    if record.task is not None and record.task.prompt:
        lines.append(f"  prompt: {short(record.task.prompt)}")
    return "\n".join(lines)


def result_text(result: TaskResult) -> str:
    """How a task ended, for people."""
    took = f"{result.latency_ms / 1000:.2f} s"
    if result.ok:
        return f"completed after {took}: {short(result.text or '')}"
    return f"failed after {took}: {result.error}: {result.message}"


def short(text: str) -> str:
    """A text in one line."""
    text = " ".join(text.split())
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def say(records: Sequence[TaskRecord] | Sequence[TaskResult], *, json: bool) -> None:
    """Print tasks: a line of JSON each, or for people."""
    for record in records:
        if json:
            print(as_json(record))
        elif isinstance(record, TaskRecord):
            print(record_text(record))
        else:
            print(f"{record.task_id}  {result_text(record)}")

"""Whether a task can be served at all: said when it is submitted, not when its turn has come."""

from __future__ import annotations

from typing import Any

import msgspec

from harness.client.ask import MAX_KEY, is_key
from harness.errors import RequestError
from harness.queue.settings import QueueSettings
from harness.queue.tasks import CopywritingTask, Priority

#: Of a task's JSON: what waits is held in the server's memory.
MAX_BYTES = 1024 * 1024

#: Instants are kept in milliseconds, in numbers of double precision.
MAX_S = 10 * 365 * 86_400.0


def checked_task(task: CopywritingTask, settings: QueueSettings) -> CopywritingTask:
    """The task. Raises RequestError that names the field, the value and what was expected."""
    if not isinstance(task, CopywritingTask):
        raise RequestError(f"task = {task!r:.100}: expected a CopywritingTask, or a prompt")
    if (task.prompt is None) == (task.messages is None):
        raise RequestError("task: expected a prompt or messages, one of them")
    _text("prompt", task.prompt)
    if task.messages is not None and not task.messages:
        raise RequestError("messages = (): expected at least one")
    if task.max_tokens is not None and (type(task.max_tokens) is not int or task.max_tokens < 1):
        raise _wrong("max_tokens", task.max_tokens, "a whole number, at least 1")
    _text("model", task.model)
    if task.key is not None and not is_key(task.key):
        raise _wrong("key", task.key, f"1 to {MAX_KEY} characters of printable ASCII, none of them a space")
    if task.priority not in set(Priority):
        raise _wrong("priority", task.priority, f"one of {', '.join(Priority)}")
    _times(task, settings)
    _size(task)
    return task


def _text(field: str, value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise _wrong(field, value, "text")


def _times(task: CopywritingTask, settings: QueueSettings) -> None:
    if not _is_time(task.delay_s, 0):
        raise _wrong("delay_s", task.delay_s, f"seconds, from 0 to {MAX_S:.0f}")
    if task.deadline_s is not None and not _is_time(task.deadline_s, 0.001):
        raise _wrong("deadline_s", task.deadline_s, f"seconds, from 0.001 to {MAX_S:.0f}")
    deadline_s = settings.deadline_s if task.deadline_s is None else task.deadline_s
    if deadline_s is not None and task.delay_s >= deadline_s:
        raise _wrong("delay_s", task.delay_s, f"less than the deadline of {deadline_s:g} s")


def _is_time(value: Any, least: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= MAX_S


def _size(task: CopywritingTask) -> None:
    try:
        size = len(msgspec.json.encode(task))
    except (TypeError, ValueError) as error:  # a lone surrogate, an object of `extra` that is none of JSON's
        raise RequestError(f"task: cannot be written as JSON: {error}") from error
    if size > MAX_BYTES:
        raise RequestError(f"task: {size} bytes of JSON: expected at most {MAX_BYTES}")


def _wrong(field: str, value: Any, what: str) -> RequestError:
    return RequestError(f"{field} = {value!r:.100}: expected {what}")

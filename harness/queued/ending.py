"""From what the queue tells of a task to the record of a call: pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness import errors
from harness.client.ends import ERRORS
from harness.model import Call, Outcome, Reply, StoppedBy, Tag
from harness.queue.errors import QueueClosed, QueueError, QueueFull, ServerFull
from harness.queue.tasks import LastCall, TaskResult

#: Of tasks that failed without a call: the queue's own words for why.
_UNCALLED: dict[str | None, LastCall] = {
    "DeadlineExceeded": LastCall(outcome=Outcome.DEADLINE, stopped_by=StoppedBy.DEADLINE),
    "Cancelled": LastCall(outcome=Outcome.CANCELLED, stopped_by=StoppedBy.USER),
    "RequestError": LastCall(outcome=Outcome.FATAL, stopped_by=StoppedBy.FATAL),
}

#: The fault is on this side of the wire: a worker that was lost with it again and again.
_OURS = LastCall(outcome=Outcome.LOCAL, stopped_by=StoppedBy.ATTEMPTS)

_REFUSED = LastCall(outcome=Outcome.REJECTED, stopped_by=StoppedBy.ADMISSION)
_UNREACHED = LastCall(outcome=Outcome.TRANSIENT, stopped_by=StoppedBy.ATTEMPTS)
_WITHDRAWN = LastCall(outcome=Outcome.CANCELLED, stopped_by=StoppedBy.USER)


@dataclass(slots=True)
class Submission:
    """A task on its way, in the submitter's own instants."""

    tag: Tag
    model: str
    start_ns: int
    accepted_ns: int | None = None
    taken_up_ns: int | None = None


def ended(sent: Submission, result: TaskResult, at_ns: int) -> Call:
    """The record of a task that has ended."""
    if result.ok:
        return _record(sent, result.call or LastCall(outcome=Outcome.OK), at_ns, "", result)
    found = result.call or _UNCALLED.get(result.error, _OURS)
    if result.error == "Cancelled":  # whatever its call had come to by then
        found = _UNCALLED["Cancelled"]
    return _record(sent, found, at_ns, result.message or "", result)


def refused(sent: Submission, error: QueueError, at_ns: int) -> Call:
    """The record of a task that the queue did not take."""
    full = isinstance(error, QueueFull | QueueClosed | ServerFull)
    return _record(sent, _REFUSED if full else _UNREACHED, at_ns, _words(error))


def lost(sent: Submission, error: QueueError, at_ns: int) -> Call:
    """The record of a task that was accepted, and of whose end the queue can tell nothing."""
    return _record(sent, _UNREACHED, at_ns, _words(error))


def withdrawn(sent: Submission, result: TaskResult | None, at_ns: int, why: str) -> Call:
    """The record of a task whose submitter waited no longer; `result` is what it had come to, if known."""
    return _record(sent, _WITHDRAWN, at_ns, why, result)


def reply_of(result: TaskResult) -> Reply:
    """What a completed task brought."""
    return Reply(
        result.text or "", result.model or "", result.finish_reason or "", result.usage, result.request_id
    )


def error_of(call: Call) -> errors.CallError:
    """The typed error of a call that brought nothing."""
    return ERRORS.get(call.outcome, errors.CallError)(
        f"{call.outcome}: {call.detail}",
        outcome=call.outcome,
        stopped_by=call.stopped_by,
        status=call.status,
        code=call.code,
        attempts=call.attempts,
    )


def _record(
    sent: Submission, last: LastCall, at_ns: int, detail: str, result: TaskResult | None = None
) -> Call:
    return Call(
        sent.tag.call_id or 0,
        sent.start_ns if sent.tag.intended_ns is None else sent.tag.intended_ns,
        sent.start_ns,
        at_ns,
        last.outcome,
        last.stopped_by,
        0 if result is None else result.attempts,
        sent.model,
        sent.tag,
        last.permit_wait_ns,
        last.backoff_ns,
        last.status,
        last.code,
        None if result is None else result.usage,
        detail,
        sent.accepted_ns,
        sent.taken_up_ns,
    )


def _words(error: QueueError) -> str:
    """Without the numbers of the moment, so that a report can count those that were turned away alike."""
    if isinstance(error, QueueFull):
        return f"the queue is full: at most {error.limit} tasks may wait or run"
    return str(error)

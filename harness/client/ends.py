"""How a call that did not succeed is told to its caller."""

from __future__ import annotations

from harness import errors
from harness.model import Outcome, Reply, StoppedBy
from harness.pipeline.call_state import CallState

ERRORS: dict[Outcome, type[errors.CallError]] = {
    Outcome.THROTTLED: errors.Throttled,
    Outcome.OVERLOADED: errors.Overloaded,
    Outcome.TRANSIENT: errors.Transient,
    Outcome.TIMEOUT: errors.TimedOut,
    Outcome.MALFORMED: errors.Malformed,
    Outcome.PARTIAL: errors.Partial,
    Outcome.LOCAL: errors.LocalExhaustion,
    Outcome.FATAL: errors.Fatal,
    Outcome.DEADLINE: errors.DeadlineExceeded,
    Outcome.REJECTED: errors.Rejected,
}

#: Why nothing was sent.
REFUSED = {
    StoppedBy.BREAKER: "the circuit breaker is open",
    StoppedBy.ADMISSION: "too many calls are waiting",
    StoppedBy.DEADLINE: "too little of its time was left when rate and concurrency limits allowed it",
}

#: Why nothing more was sent, where the last attempt alone does not say it.
NO_MORE = {
    StoppedBy.BREAKER: "then the circuit breaker was open",
    StoppedBy.ADMISSION: "then too many calls were waiting",
    StoppedBy.BUDGET: "no retry: the retry budget is spent",
    StoppedBy.DEADLINE: "no retry would have ended before the deadline",
}


def detail(call: CallState) -> str:
    """The end of a call in words."""
    last, stopped_by = call.last, call.stopped_by
    if stopped_by is None:
        return ""
    if last is None:
        return REFUSED.get(stopped_by, "")
    if stopped_by not in NO_MORE or last.outcome is Outcome.DEADLINE:
        return last.detail
    return f"{last.detail}; {NO_MORE[stopped_by]}"


def error_of(call: CallState, text: str | None = None) -> errors.CallError:
    """The typed error of a call without a reply; with `text`, of a stream that broke after it."""
    kind = errors.Partial if text is not None else ERRORS[call.outcome]
    last = call.last
    hint_s = (
        call.refused_for_s if call.stopped_by is StoppedBy.BREAKER or last is None else last.retry_after_s
    )
    return kind(
        f"{call.outcome} after {call.attempts} attempts: {detail(call)}",
        outcome=call.outcome,
        stopped_by=call.stopped_by,
        status=None if last is None else last.status,
        code=None if last is None else last.code,
        request_id=None if last is None else last.request_id,
        retry_after_s=hint_s,
        attempts=call.attempts,
        text=text or "",
    )


def reply_or_raise(call: CallState) -> Reply:
    """The reply of a finished call, or its error."""
    if call.last is not None and call.last.reply is not None:
        return call.last.reply
    raise error_of(call)

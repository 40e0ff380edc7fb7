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

REFUSED = {
    StoppedBy.BREAKER: "the circuit breaker is open",
    StoppedBy.ADMISSION: "too many calls are waiting",
    StoppedBy.DEADLINE: "the deadline would pass before rate and concurrency limits allowed it",
}


def detail(call: CallState) -> str:
    """The end of a call in words."""
    refused = REFUSED.get(call.stopped_by) if call.stopped_by else None
    if call.last is None:
        return refused or ""
    if refused and call.stopped_by in {StoppedBy.BREAKER, StoppedBy.ADMISSION}:
        return f"{call.last.detail}; then {refused}"
    return call.last.detail


def error_of(call: CallState, text: str | None = None) -> errors.CallError:
    """The typed error of a call without a reply; with `text`, of a stream that broke after it."""
    kind = errors.Partial if text is not None else ERRORS[call.outcome]
    message = f"{call.outcome} after {call.attempts} attempts: {detail(call)}"
    last = call.last
    if last is None:
        return kind(message, outcome=call.outcome)
    return kind(
        message,
        outcome=call.outcome,
        status=last.status,
        code=last.code,
        request_id=last.request_id,
        retry_after_s=last.retry_after_s,
        attempts=call.attempts,
        text=text or "",
    )


def reply_or_raise(call: CallState) -> Reply:
    """The reply of a finished call, or its error."""
    if call.last is not None and call.last.reply is not None:
        return call.last.reply
    raise error_of(call)

"""An attempt under way, and what the pipeline holds for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from harness.model import Attempt, Fault, Instants, Levels, Outcome, Reply, Usage
from harness.policy.breaker import Ticket
from harness.policy.rate import Reservation


class Progress(msgspec.Struct, gc=False):
    """What is known of an attempt under way, so that one cut short still tells it. See Attempt."""

    call_id: int
    number: int
    route: int
    sent_ns: int
    permit_wait_ns: int
    headers_ns: int | None = None
    first_token_ns: int | None = None
    output_ns: Instants | None = None
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    retry_after_s: float | None = None
    should_retry: bool | None = None
    usage: Usage | None = None
    levels: Levels | None = None
    reply: Reply | None = None

    def ended(self, end_ns: int, outcome: Outcome, fault: Fault = Fault.NONE, detail: str = "") -> Attempt:
        """The attempt, now that it has ended so."""
        return Attempt(
            self.call_id,
            self.number,
            self.sent_ns,
            end_ns,
            outcome,
            fault,
            self.status,
            self.code,
            self.headers_ns,
            self.first_token_ns,
            self.output_ns,
            self.permit_wait_ns,
            self.retry_after_s,
            self.should_retry,
            self.request_id,
            detail,
            self.usage,
            self.levels,
            self.route,
            self.reply,
        )


class Opened:
    """Base of an attempt that has become a stream: it is over when the pipeline's `end` is told so."""


#: Sends an attempt: its end, or the stream it became. Never raises but CancelledError.
Send = Callable[[Progress], Awaitable[Attempt | Opened]]


class Lease(msgspec.Struct, eq=False):
    """What one attempt holds of the policies, all given back together."""

    ticket: Ticket
    reservation: Reservation | None = None
    waited_ns: int = 0
    settled: bool = False  # with a half-open breaker, when the stream began
    attempt: Attempt | None = None

"""One call on its way through its routes."""

from __future__ import annotations

import asyncio

import msgspec

from harness.model import NO_TAG, Attempt, Outcome, StoppedBy, Tag
from harness.pipeline.attempting import Lease, Opened


class CallState(msgspec.Struct):
    """One call on its way; what is left of it is its result.

    `deadline_at_s` is on the loop's clock. A call with a higher `priority` goes first where calls wait.
    A `streaming` call ends its attempts at their first output. `most_s` bounds an attempt further.
    `idempotency_key` goes with every attempt. Where a breaker refused it, `refused_for_s` is for how long.

    Set by the pipelines it passes, and by nobody else; `lease` and `opened` while it is a stream.
    """

    call_id: int
    deadline_at_s: float | None = None
    priority: int = 0
    streaming: bool = False
    most_s: float | None = None
    model: str = ""
    tag: Tag = NO_TAG
    start_ns: int = 0
    idempotency_key: str | None = None
    last: Attempt | None = None
    attempts: int = 0
    stopped_by: StoppedBy | None = None
    refused_for_s: float | None = None
    permit_wait_ns: int = 0
    backoff_ns: int = 0
    lease: Lease | None = None
    opened: Opened | None = None

    @property
    def outcome(self) -> Outcome:
        """The last attempt's class; without an attempt, why there was none."""
        if self.last is not None:
            return self.last.outcome
        return Outcome.DEADLINE if self.stopped_by is StoppedBy.DEADLINE else Outcome.REJECTED

    def left_s(self, reserve_s: float = 0.0) -> float | None:
        """Seconds to the deadline, less what is kept of them; None without a deadline."""
        if self.deadline_at_s is None:
            return None
        return self.deadline_at_s - reserve_s - asyncio.get_running_loop().time()

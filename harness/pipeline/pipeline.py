"""One call through every policy.

deadline -> bounded admission -> retry loop { breaker -> permit -> breaker again -> attempt timeout -> send }
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from harness.model import Attempt, AttemptFinished, BreakerChanged, Event, Fault, Outcome, StoppedBy, Waited
from harness.pipeline.permits import Permits
from harness.pipeline.retrying import retry
from harness.policy.breaker import Ticket, make_breaker
from harness.policy.budget import RetryBudget
from harness.policy.config import Policy
from harness.policy.match import Verdict, verdict
from harness.policy.retry import Again, Stop, decide
from harness.units import NS

#: Sends attempt `number` after `permit_wait_ns` in line; never raises but CancelledError.
Send = Callable[[int, int], Awaitable[Attempt]]


@dataclass(slots=True)
class CallState:
    """One call on its way through the pipeline; what is left of it is its result."""

    call_id: int
    send: Send
    deadline_at_s: float | None
    last: Attempt | None = None
    attempts: int = 0
    stopped_by: StoppedBy | None = None
    permit_wait_ns: int = 0
    backoff_ns: int = 0

    @property
    def outcome(self) -> Outcome:
        """The last attempt's class; without an attempt, why there was none."""
        if self.last is not None:
            return self.last.outcome
        return Outcome.DEADLINE if self.stopped_by is StoppedBy.DEADLINE else Outcome.REJECTED


class Pipeline:
    """The policies of one process and the calls waiting on them. For use from one event loop.

    `emit` is told of every attempt, wait and breaker change; `rng` draws the jitter.
    """

    def __init__(
        self, policy: Policy, *, rng: Random, now_ns: Callable[[], int], emit: Callable[[Event], None]
    ) -> None:
        self._policy = policy
        self._rng = rng
        self._now_ns = now_ns
        self._emit = emit
        self._breaker = make_breaker(policy.breaker)
        self._budget = RetryBudget(policy.budget)
        self.permits = Permits(policy.concurrency.limit if policy.concurrency.kind == "static" else None)

    def begin(self, call_id: int, send: Send) -> CallState:
        """The state of a new call; its deadline starts here."""
        within_s = self._policy.deadline_s
        loop_s = asyncio.get_running_loop().time()
        return CallState(call_id, send, None if within_s is None else loop_s + within_s)

    async def run(self, call: CallState) -> None:
        """Take the call to its end, which `call` then tells. Raises CancelledError only."""
        self._budget.deposit(self._now_ns())
        most = self._policy.admission.max_waiting
        if most is not None and not self.permits.free and self.permits.waiting >= most:
            call.stopped_by = StoppedBy.ADMISSION
            return
        first = await self._attempt(call, 1)
        if first is None or first.outcome is Outcome.OK:
            return
        await retry(
            first,
            lambda number: self._attempt(call, number),
            lambda attempt: self._decide(call, attempt),
            lambda attempt, wait_s: self._waiting(call, attempt, wait_s),
            lambda wait_s: self._sleep(call, wait_s),
        )

    def _decide(self, call: CallState, attempt: Attempt) -> Again | Stop:
        """Retry policy first, then the budget: only a retry that would be made is paid for."""
        decision = decide(self._policy.retry, attempt, uniform=self._rng.random(), left_s=self._left_s(call))
        if isinstance(decision, Again) and not self._budget.withdraw(self._now_ns()):
            decision = Stop(StoppedBy.BUDGET)
        if isinstance(decision, Stop):
            call.stopped_by = decision.reason
        return decision

    def _waiting(self, call: CallState, attempt: Attempt, wait_s: float) -> None:
        self._emit(Waited(call.call_id, self._now_ns(), round(wait_s * NS), attempt.outcome))

    async def _sleep(self, call: CallState, wait_s: float) -> None:
        since_ns = self._now_ns()
        try:
            await asyncio.sleep(wait_s)
        finally:
            call.backoff_ns += self._now_ns() - since_ns

    async def _attempt(self, call: CallState, number: int) -> Attempt | None:
        """One attempt, or None when it was not let through (`call.stopped_by` says why)."""
        ticket = self._admit()
        if ticket is None:
            call.stopped_by = StoppedBy.BREAKER
            return None
        said = Verdict.NEUTRAL
        try:
            waited_ns = await self._permit(call)
            if waited_ns is None:
                call.stopped_by = StoppedBy.DEADLINE
                return None
            try:
                if self._policy.breaker.recheck and not self._breaker.holds(ticket):
                    again = self._admit()
                    if again is None:
                        call.stopped_by = StoppedBy.BREAKER
                        return None
                    ticket = again  # the older ticket's generation is over: nothing of it is left to settle
                attempt = await self._send(call, number, waited_ns)
                said = verdict(self._policy.breaker.counts, attempt)
                return attempt
            finally:
                self.permits.release()
        finally:
            self._settle(ticket, said)

    async def _permit(self, call: CallState) -> int | None:
        """Wait for a permit: the nanoseconds waited, or None when the deadline came first."""
        if self.permits.free:
            await self.permits.acquire()
            return 0
        since_ns = self._now_ns()
        try:
            async with asyncio.timeout_at(call.deadline_at_s):
                await self.permits.acquire()
        except TimeoutError:
            return None
        finally:
            waited_ns = self._now_ns() - since_ns
            call.permit_wait_ns += waited_ns
        return waited_ns

    async def _send(self, call: CallState, number: int, waited_ns: int) -> Attempt:
        """Send within the attempt's timeout and the call's deadline, whichever is shorter."""
        left_s, most_s = self._left_s(call), self._policy.attempt_timeout_s
        by_deadline = left_s is not None and (most_s is None or left_s < most_s)
        sent_ns = self._now_ns()
        call.attempts = number
        try:
            async with asyncio.timeout(left_s if by_deadline else most_s):
                attempt = await call.send(number, waited_ns)
        except TimeoutError:
            outcome = Outcome.DEADLINE if by_deadline else Outcome.TIMEOUT
            detail = "the call's deadline passed" if by_deadline else f"no reply within {most_s:g} s"
            attempt = self._cut(call, number, sent_ns, waited_ns, outcome, detail)
        except asyncio.CancelledError:
            call.last = self._cut(
                call, number, sent_ns, waited_ns, Outcome.CANCELLED, "cancelled by the caller"
            )
            self._emit(AttemptFinished(call.last))
            raise
        call.last = attempt
        self._emit(AttemptFinished(attempt))
        return attempt

    def _cut(
        self, call: CallState, number: int, sent_ns: int, waited_ns: int, outcome: Outcome, detail: str
    ) -> Attempt:
        """An attempt that was ended from this side."""
        return Attempt(
            call.call_id,
            number,
            sent_ns,
            self._now_ns(),
            outcome,
            Fault.ATTEMPT_TIMEOUT if outcome is Outcome.TIMEOUT else Fault.NONE,
            permit_wait_ns=waited_ns,
            detail=detail,
        )

    def _left_s(self, call: CallState) -> float | None:
        if call.deadline_at_s is None:
            return None
        return call.deadline_at_s - asyncio.get_running_loop().time()

    def _admit(self) -> Ticket | None:
        before = self._breaker.state
        ticket = self._breaker.admit(self._now_ns())
        self._tell_breaker(before)
        return ticket

    def _settle(self, ticket: Ticket, said: Verdict) -> None:
        before = self._breaker.state
        self._breaker.settle(ticket, self._now_ns(), said)
        self._tell_breaker(before)

    def _tell_breaker(self, before: str) -> None:
        after = self._breaker.state
        if after != before:
            self._emit(BreakerChanged(self._now_ns(), before, after))

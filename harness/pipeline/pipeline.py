"""One call through every policy.

deadline -> bounded admission -> retry loop { breaker -> rate -> permit -> breaker again -> timeout -> send }
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from harness.model import Attempt, AttemptFinished, Event, Fault, Outcome, StoppedBy, Waited
from harness.pipeline.attempting import Lease, Opened, Progress, Send
from harness.pipeline.bound import Bound
from harness.pipeline.call_state import CallState
from harness.pipeline.gate import Gate
from harness.pipeline.leases import Leases
from harness.pipeline.retrying import retry
from harness.policy.budget import RetryBudget
from harness.policy.config import Policy
from harness.policy.retry import Again, Stop, decide
from harness.units import NS


class Pipeline:
    """The policies of one route in one process, and the calls waiting on them. For use from one event loop.

    `emit` is told of every attempt, wait, and change of breaker or limit; `rng` draws the jitter. `reserve_s`
    of each call's deadline are left alone.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        rng: Random,
        now_ns: Callable[[], int],
        emit: Callable[[Event], None],
        route: int = 0,
        reserve_s: float = 0.0,
    ) -> None:
        self._policy = policy
        self._rng = rng
        self._now_ns = now_ns
        self._emit = emit
        self._route = route
        self._reserve_s = reserve_s
        self._budget = RetryBudget(policy.budget)
        self.leases = Leases(policy, rng=rng, now_ns=now_ns, emit=emit, route=route, reserve_s=reserve_s)
        self._bounds = {streaming: _attempt_bound(policy, streaming=streaming) for streaming in (False, True)}

    @property
    def gate(self) -> Gate:
        """The line before the wire."""
        return self.leases.gate

    async def run(self, call: CallState, send: Send, tokens: Callable[[], int] | None = None) -> None:
        """Take the call to its end on this route, which `call` then tells. Raises CancelledError only.

        `tokens` estimates what the request will cost of the token limit. Where `send` opens a stream,
        `call.lease` is set (and `call.opened` the stream), and `end` is to be called when it is over.
        """
        call.stopped_by = None
        self._budget.deposit(self._now_ns())
        first = await self._attempt(call, send, tokens, 1)
        if not isinstance(first, Attempt) or first.outcome is Outcome.OK:
            return
        await retry(
            first,
            lambda tries: self._paid_attempt(call, send, tokens, tries),
            lambda attempt, tries: self._decide(call, attempt, tries),
            lambda attempt, wait_s: self._waiting(call, attempt, wait_s),
            lambda wait_s: self._sleep(call, wait_s),
        )

    def end(self, call: CallState, attempt: Attempt) -> None:
        """The stream of a call is over, and this is how its attempt ended. Once a stream."""
        lease, call.lease = call.lease, None
        if lease is None:
            raise RuntimeError("the stream of this call has already ended")
        self._finished(call, lease, attempt)
        self.leases.give_back(lease)
        if attempt.outcome is not Outcome.OK:
            call.stopped_by = _stop_of(attempt)

    def _decide(self, call: CallState, attempt: Attempt, tries: int) -> Again | Stop:
        """Retry policy first, then the budget: only a retry that would be made is paid for."""
        left_s = call.left_s(self._reserve_s)
        decision = decide(self._policy.retry, attempt, tries=tries, uniform=self._rng.random(), left_s=left_s)
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
        except asyncio.CancelledError:
            self._budget.refund(since_ns)
            raise
        finally:
            call.backoff_ns += self._now_ns() - since_ns

    async def _paid_attempt(
        self, call: CallState, send: Send, tokens: Callable[[], int] | None, tries: int
    ) -> Attempt | Opened | None:
        """A retry; one that was not sent costs nothing."""
        before = call.attempts
        try:
            return await self._attempt(call, send, tokens, tries)
        finally:
            if call.attempts == before:
                self._budget.refund(self._now_ns())

    async def _attempt(
        self, call: CallState, send: Send, tokens: Callable[[], int] | None, tries: int
    ) -> Attempt | Opened | None:
        """One attempt, or None when it was not let through (`call.stopped_by` says why)."""
        lease = await self.leases.take(call, tokens, bounded=tries == 1)
        if lease is None:
            return None
        try:
            return await self._send(call, lease, send)
        finally:
            if call.lease is not lease:
                self.leases.give_back(lease)

    async def _send(self, call: CallState, lease: Lease, send: Send) -> Attempt | Opened:
        """Send within the attempt's timeout and the call's deadline, whichever is shorter."""
        most_s, outcome, fault = self._bound(call)
        call.attempts += 1
        number = call.tag.attempts_before + call.attempts
        progress = Progress(call.call_id, number, self._route, self._now_ns(), lease.waited_ns)
        result: Attempt | Opened
        try:
            with Bound(most_s):
                result = await send(progress)
        except TimeoutError:
            result = progress.ended(self._now_ns(), outcome, fault, _cut(outcome, most_s))
        except asyncio.CancelledError:
            attempt = progress.ended(self._now_ns(), Outcome.CANCELLED, detail="cancelled by the caller")
            self._finished(call, lease, attempt)
            raise
        if isinstance(result, Attempt):
            self._finished(call, lease, result)
        else:
            call.lease, call.opened = lease, result
            self.leases.begun(lease, progress)
        return result

    def _bound(self, call: CallState) -> tuple[float | None, Outcome, Fault]:
        """The shortest of the bounds on an attempt, and what it ends as there."""
        most_s, fault = self._bounds[call.streaming]
        if call.most_s is not None and (most_s is None or call.most_s < most_s):
            most_s, fault = call.most_s, Fault.ATTEMPT_TIMEOUT
        left_s = call.left_s(self._reserve_s)
        if left_s is not None and (most_s is None or left_s < most_s):
            return left_s, Outcome.DEADLINE, Fault.NONE
        return most_s, Outcome.TIMEOUT, fault

    def _finished(self, call: CallState, lease: Lease, attempt: Attempt) -> None:
        """An attempt that was sent has ended."""
        lease.attempt = call.last = attempt
        self._emit(AttemptFinished(attempt))


def _attempt_bound(policy: Policy, *, streaming: bool) -> tuple[float | None, Fault]:
    """The policy's own bound on an attempt (a stream: to its first output), and which of its two it is."""
    whole, first = policy.attempt_timeout_s, policy.first_token_timeout_s
    if streaming and first is not None and (whole is None or first < whole):
        return first, Fault.FIRST_TOKEN_TIMEOUT
    return whole, Fault.ATTEMPT_TIMEOUT


def _cut(outcome: Outcome, most_s: float | None) -> str:
    """Why an attempt was ended from this side."""
    return (
        "the call's deadline passed" if outcome is Outcome.DEADLINE else f"no reply within {most_s or 0:g} s"
    )


def _stop_of(attempt: Attempt) -> StoppedBy:
    """Why a stream that broke went no further: a part of it was already seen."""
    match attempt.outcome:
        case Outcome.CANCELLED:
            return StoppedBy.USER
        case Outcome.DEADLINE:
            return StoppedBy.DEADLINE
        case _:
            return StoppedBy.FATAL

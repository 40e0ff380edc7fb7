"""One call through every policy.

deadline -> bounded admission -> retry loop { breaker -> rate -> permit -> breaker again -> timeout -> send }
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from harness.model import (
    Attempt,
    AttemptFinished,
    BreakerChanged,
    Event,
    Fault,
    LimitChanged,
    Outcome,
    Paused,
    StoppedBy,
    Waited,
)
from harness.pipeline.attempting import Lease, Opened, Progress, Send
from harness.pipeline.bound import Bound
from harness.pipeline.call_state import CallState
from harness.pipeline.gate import Full, Gate
from harness.pipeline.retrying import retry
from harness.policy.breaker import State, make_breaker
from harness.policy.budget import RetryBudget
from harness.policy.concurrency import make_limit
from harness.policy.config import Policy
from harness.policy.match import Verdict, verdict
from harness.policy.rate import RateBucket, is_shed
from harness.policy.retry import Again, Stop, decide
from harness.units import NS

#: A request without tokens to speak of.
NO_TOKENS = 0


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
        self._breaker = make_breaker(policy.breaker, rng.random)
        self._budget = RetryBudget(policy.budget)
        self._limit = make_limit(policy.concurrency)
        self._bucket = RateBucket(policy.rate)
        self._bounds = {streaming: _attempt_bound(policy, streaming=streaming) for streaming in (False, True)}
        self.gate = Gate(self._limit, self._bucket, now_ns)

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
        self._release(lease)
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
        lease = self._admitted(call)
        if lease is None:
            return None
        try:
            waited_ns = await self._enter(call, lease, tokens, first=tries == 1)
            if waited_ns is None or not self._still_admitted(call, lease):
                return None
            result = await self._send(call, lease, send, waited_ns)
            if isinstance(result, Opened):
                call.lease, call.opened = lease, result
            return result
        finally:
            if call.lease is not lease:
                self._release(lease)

    def _admitted(self, call: CallState) -> Lease | None:
        """The breaker's leave; None when it refuses."""
        before = self._breaker.state
        ticket = self._breaker.admit(self._now_ns())
        self._tell_breaker(before)
        if ticket is None:
            call.stopped_by = StoppedBy.BREAKER
            return None
        return Lease(ticket)

    def _still_admitted(self, call: CallState, lease: Lease) -> bool:
        """Ask the breaker once more, now that the permit is held."""
        if not self._policy.breaker.recheck or self._breaker.holds(lease.ticket):
            return True
        again = self._admitted(call)
        if again is None:
            return False
        lease.ticket = again.ticket  # the older ticket's generation is over: nothing of it is left to settle
        return True

    async def _enter(
        self, call: CallState, lease: Lease, tokens: Callable[[], int] | None, *, first: bool
    ) -> int | None:
        """Wait for rate and permit: the nanoseconds waited, or None (`call.stopped_by` says why)."""
        left_s = call.left_s(self._reserve_s)
        if left_s is not None and left_s <= 0:
            call.stopped_by = StoppedBy.DEADLINE
            return None
        asked = tokens() if tokens is not None and self._bucket.limits_tokens else NO_TOKENS
        lease.reservation = self.gate.try_enter(asked)
        if lease.reservation is not None:
            return 0
        since_ns = self._now_ns()
        if left_s is not None and self._bucket.wait_ns(asked, since_ns) >= left_s * NS:
            call.stopped_by = StoppedBy.DEADLINE  # waiting would be in vain
            return None
        most = self._policy.admission.max_waiting if first else None
        try:
            async with asyncio.timeout(left_s):
                lease.reservation = await self.gate.enter(asked, call.priority, most)
        except TimeoutError:
            call.stopped_by = StoppedBy.DEADLINE
            return None
        except Full:
            call.stopped_by = StoppedBy.ADMISSION
            return None
        finally:
            waited_ns = self._now_ns() - since_ns
            call.permit_wait_ns += waited_ns
        return waited_ns

    async def _send(self, call: CallState, lease: Lease, send: Send, waited_ns: int) -> Attempt | Opened:
        """Send within the attempt's timeout and the call's deadline, whichever is shorter."""
        most_s, outcome, fault = self._bound(call)
        call.attempts += 1
        progress = Progress(call.call_id, call.attempts, self._route, self._now_ns(), waited_ns)
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

    def _release(self, lease: Lease) -> None:
        """Give back all that an attempt held, and let every policy learn from how it ended."""
        now_ns, attempt = self._now_ns(), lease.attempt
        said = Verdict.NEUTRAL if attempt is None else verdict(self._policy.breaker, attempt)
        before = self._breaker.state
        self._breaker.settle(lease.ticket, now_ns, said)
        self._tell_breaker(before)
        if lease.reservation is None:
            return
        if attempt is None:
            self._bucket.refund(lease.reservation, now_ns)
        else:
            self._learn(lease, attempt, now_ns)
        self.gate.leave()

    def _learn(self, lease: Lease, attempt: Attempt, now_ns: int) -> None:
        """Rate and concurrency limits hear what the API said."""
        if lease.reservation is None:
            return
        if attempt.levels is not None:
            self._bucket.sync(lease.reservation, attempt.levels, now_ns)
        usage = attempt.usage
        spent = None if usage is None else usage.prompt_tokens + usage.completion_tokens
        self._bucket.settle(lease.reservation, spent, now_ns)
        self._pause(attempt, now_ns)
        before = self._limit.limit
        self._limit.note(attempt, self.gate.held)
        self._tell_limit(before)

    def _pause(self, attempt: Attempt, now_ns: int) -> None:
        """A 429 for a limit that is used up holds everybody; one that sheds load, only its own call."""
        hint_s = attempt.retry_after_s
        if attempt.outcome is not Outcome.THROTTLED or not hint_s or is_shed(attempt.levels):
            return
        if self._bucket.pause(hint_s, now_ns):
            self._emit(Paused(now_ns, round(hint_s * NS), self._route))

    def _tell_breaker(self, before: State) -> None:
        after = self._breaker.state
        if after is before:
            return
        self._emit(BreakerChanged(self._now_ns(), before, after, self._route))
        if before is State.HALF_OPEN and after is State.CLOSED and self._policy.breaker.ramp:
            limit = self._limit.limit
            self._limit.restart(self._policy.breaker.probes)
            self._tell_limit(limit)

    def _tell_limit(self, before: int | None) -> None:
        after = self._limit.limit
        if after != before and before is not None and after is not None:
            self._emit(LimitChanged(self._now_ns(), before, after, self._route))
            self.gate.advance()


def _attempt_bound(policy: Policy, *, streaming: bool) -> tuple[float | None, Fault]:
    """The policy's own bound on an attempt (a stream: to its first output), and which of its two it is."""
    whole, first = policy.attempt_timeout_s, policy.first_token_timeout_s
    if streaming and first is not None and (whole is None or first < whole):
        return first, Fault.FIRST_TOKEN_TIMEOUT
    return whole, Fault.ATTEMPT_TIMEOUT


def _cut(outcome: Outcome, most_s: float | None) -> str:
    """Why an attempt was ended from this side."""
    return "the call's deadline passed" if outcome is Outcome.DEADLINE else f"no reply within {most_s:g} s"


def _stop_of(attempt: Attempt) -> StoppedBy:
    """Why a stream that broke went no further: a part of it was already seen."""
    match attempt.outcome:
        case Outcome.CANCELLED:
            return StoppedBy.USER
        case Outcome.DEADLINE:
            return StoppedBy.DEADLINE
        case _:
            return StoppedBy.FATAL

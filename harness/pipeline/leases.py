"""Leave to send: what one attempt holds of breaker, rate and permits, taken and given back in one place."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from harness.model import Attempt, BreakerChanged, Event, LimitChanged, Outcome, Paused, StoppedBy
from harness.pipeline.attempting import Lease, Progress
from harness.pipeline.bound import Bound
from harness.pipeline.call_state import CallState
from harness.pipeline.gate import Full, Gate
from harness.policy.breaker import State, make_breaker
from harness.policy.concurrency import make_limit
from harness.policy.config import Policy
from harness.policy.match import Verdict, verdict
from harness.policy.rate import RateBucket, Reservation, is_shed
from harness.policy.usual import Usual
from harness.units import NS

#: A request without tokens to speak of.
NO_TOKENS = 0


class Leases:
    """Gives leave in the order breaker, rate and permit, breaker again; learns from how attempts ended.

    `emit` is told of every change of breaker or limit, and of pauses; `rng` draws the breaker's jitter.
    `reserve_s` of each call's deadline are left alone.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        rng: Random,
        now_ns: Callable[[], int],
        emit: Callable[[Event], None],
        route: int,
        reserve_s: float,
    ) -> None:
        self._policy = policy
        self._now_ns = now_ns
        self._emit = emit
        self._route = route
        self._reserve_s = reserve_s
        self._usual = Usual()
        self.breaker = make_breaker(policy.breaker, rng.random)
        self.limit = make_limit(policy.concurrency)
        self.bucket = RateBucket(policy.rate)
        self.gate = Gate(self.limit, self.bucket, now_ns)

    async def take(self, call: CallState, tokens: Callable[[], int] | None, *, bounded: bool) -> Lease | None:
        """Wait for leave to send; None when there is none, and then `call.stopped_by` says why.

        `bounded` admission turns the call away where too many wait. Give every lease back.
        """
        lease = self._admitted(call)
        if lease is None:
            return None
        taken = False
        try:
            asked = tokens() if tokens is not None and self.bucket.limits_tokens else NO_TOKENS
            lease.reservation = self.gate.try_enter(asked)
            taken = (
                (lease.reservation is not None or await self._enter(call, lease, asked, bounded=bounded))
                and self._in_time(call, lease)
                and self._still_admitted(call, lease)
            )
        finally:
            if not taken:
                self.give_back(lease)
        return lease if taken else None

    def begun(self, lease: Lease, progress: Progress) -> None:
        """The stream of an attempt has begun: a half-open breaker does not wait for its end."""
        if self.breaker.state is State.HALF_OPEN:
            so_far = progress.ended(self._now_ns(), Outcome.OK)
            self._settle(lease, verdict(self._policy.breaker, so_far))
            lease.settled = True

    def give_back(self, lease: Lease) -> None:
        """Give back all that an attempt held, and let every policy learn from how it ended."""
        attempt = lease.attempt
        if not lease.settled:
            said = Verdict.NEUTRAL if attempt is None else verdict(self._policy.breaker, attempt)
            self._settle(lease, said)
        if lease.reservation is None:
            return
        if attempt is None:
            self.bucket.refund(lease.reservation, self._now_ns())
        else:
            self._learn(lease.reservation, attempt)
        self.gate.leave()

    def _admitted(self, call: CallState) -> Lease | None:
        """The breaker's leave; None when it refuses."""
        before, now_ns = self.breaker.state, self._now_ns()
        ticket = self.breaker.admit(now_ns)
        self._tell_breaker(before)
        if ticket is not None:
            return Lease(ticket)
        call.stopped_by = StoppedBy.BREAKER
        retry_at_ns = self.breaker.retry_at_ns
        call.refused_for_s = None if retry_at_ns is None else (retry_at_ns - now_ns) / NS
        return None

    def _still_admitted(self, call: CallState, lease: Lease) -> bool:
        """Ask the breaker once more, now that the permit is held."""
        if not self._policy.breaker.recheck or self.breaker.holds(lease.ticket):
            return True
        again = self._admitted(call)
        if again is None:
            return False
        lease.ticket = again.ticket  # the older ticket's generation is over: nothing of it is left to settle
        return True

    async def _enter(self, call: CallState, lease: Lease, asked: int, *, bounded: bool) -> bool:
        """Wait for rate and permit; False when they did not come (`call.stopped_by` says why)."""
        since_ns, left_s = self._now_ns(), call.left_s(self._reserve_s)
        if left_s is not None and self.bucket.wait_ns(asked, since_ns) >= left_s * NS:
            call.stopped_by = StoppedBy.DEADLINE  # waiting would be in vain
            return False
        most = self._policy.admission.max_waiting if bounded else None
        try:
            with Bound(left_s):
                lease.reservation = await self.gate.enter(asked, call.priority, most)
        except TimeoutError:
            call.stopped_by = StoppedBy.DEADLINE
        except Full:
            call.stopped_by = StoppedBy.ADMISSION
        finally:
            lease.waited_ns = self._now_ns() - since_ns
            call.permit_wait_ns += lease.waited_ns
        return lease.reservation is not None

    def _in_time(self, call: CallState, lease: Lease) -> bool:
        """Whether enough is left of the call's time; where calls wait, enough for what nearly all take.

        The head of a line is its oldest. Sent with too little time left, it is cut at its deadline, and so
        is the next, and the next: a line that only just stood in time would never serve anyone again. With
        time for what one takes on average, half of them are cut all the same, and their work was for nothing.
        """
        left_s = call.left_s(self._reserve_s)
        if left_s is None or left_s * NS > (self._usual.nearly_all_ns if lease.waited_ns else 0.0):
            return True
        call.stopped_by = StoppedBy.DEADLINE
        return False

    def _learn(self, reservation: Reservation, attempt: Attempt) -> None:
        """Rate and concurrency limits hear what the API said."""
        now_ns = self._now_ns()
        if attempt.levels is not None:
            self.bucket.sync(reservation, attempt.levels, now_ns)
        usage = attempt.usage
        spent = None if usage is None else usage.prompt_tokens + usage.completion_tokens
        self.bucket.settle(reservation, spent, now_ns)
        if attempt.outcome is Outcome.OK:
            self._usual.note(attempt.end_ns - attempt.sent_ns)
        elif attempt.outcome is Outcome.THROTTLED:
            self._pause(attempt, now_ns)
        before = self.limit.limit
        self.limit.note(attempt, self.gate.held)
        self._tell_limit(before)

    def _pause(self, attempt: Attempt, now_ns: int) -> None:
        """A 429 for a limit that is used up holds everybody; one that sheds load, only its own call."""
        hint_s = attempt.retry_after_s
        if not hint_s or is_shed(attempt.levels):
            return
        if self.bucket.pause(hint_s, now_ns):
            held_s = min(hint_s, self._policy.rate.max_pause_s)
            self._emit(Paused(now_ns, round(held_s * NS), self._route))

    def _settle(self, lease: Lease, said: Verdict) -> None:
        before = self.breaker.state
        self.breaker.settle(lease.ticket, self._now_ns(), said)
        self._tell_breaker(before)

    def _tell_breaker(self, before: State) -> None:
        after = self.breaker.state
        if after is before:
            return
        self._emit(BreakerChanged(self._now_ns(), before, after, self._route))
        if before is State.HALF_OPEN and after is State.CLOSED and self._policy.breaker.ramp:
            limit = self.limit.limit
            self.limit.restart(self._policy.breaker.probes)
            self._tell_limit(limit)

    def _tell_limit(self, before: int | None) -> None:
        after = self.limit.limit
        if after != before and before is not None and after is not None:
            self._emit(LimitChanged(self._now_ns(), before, after, self._route))
            self.gate.advance()

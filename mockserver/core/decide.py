"""The provider as a deterministic state machine: a request and the time come in, a decision comes out.

No I/O, no clock, no global random source. Whoever drives it (a server in real time, a simulator in virtual
time) does the waiting, and calls back when a generation has ended.
"""

from math import ceil

import msgspec

from mockserver.core.capacity import Capacity, Started
from mockserver.core.decisions import (
    Arrival,
    Decision,
    Exhausted,
    Fault,
    Generate,
    Overload,
    Start,
    Throttle,
)
from mockserver.core.evening import EveningClock, background
from mockserver.core.faults import RequestFaults, connection_fault, refusing
from mockserver.core.gaps import draw_gaps, prepare
from mockserver.core.injected import InjectedFaults
from mockserver.core.latency import MAX_OUTPUT_TOKENS, reply_tokens, ttft_us
from mockserver.core.limits import Exceeded, RateLimits, Reservation, Size
from mockserver.core.policeman import Early, Policeman
from mockserver.core.quota import Quota
from mockserver.profile import Evening, Profile
from mockserver.rules import REFUSING, ConnectionRule, RequestRule
from mockserver.units import US_PER_MS, US_PER_S

# A waiting request may start because the background fell: ask that often (`Core.tick`).
TICK_US = 50_000


class _Job(msgspec.Struct, frozen=True):
    arrival: Arrival
    tokens: int
    fault: RequestRule | None
    reservation: Reservation


class Core:
    """The provider's whole state: limits, slots, queue, evening clock. Times are whole microseconds."""

    def __init__(self, profile: Profile, seed: int, now_us: int = 0) -> None:
        self.profile = profile
        self.seed = seed
        self.clock = EveningClock(profile.evening, now_us)
        self._limits = RateLimits(profile.limits)
        self._quota = Quota(profile.limits.quota_tokens)
        self.policeman = Policeman()
        self._capacity = Capacity(profile.capacity)
        self._faults = RequestFaults(profile.request_faults)
        self.injected = InjectedFaults()
        self._jobs: dict[int, _Job] = {}
        self._next_ticket = 0
        prepare(profile.inter_token)

    @property
    def running(self) -> int:
        return self._capacity.running

    @property
    def queued(self) -> int:
        return self._capacity.queued

    def background(self, now_us: int) -> float:
        """The fraction of the slots the other customers hold now."""
        curve = self.profile.capacity.background
        return background(curve, self.clock.minute(now_us)) if curve else 0.0

    def share(self, now_us: int) -> float:
        """Slots that are ours now; infinite without a limit."""
        return self._capacity.share(self.background(now_us))

    def connect(self, connection: int, now_us: int) -> ConnectionRule | None:
        """The fault of the connection with this arrival number."""
        return connection_fault(self.profile.connection_faults, self.seed, connection, self.clock, now_us)

    def fault(self, arrival: Arrival, now_us: int) -> RequestRule | None:
        """The injected fault of a request: all there is to decide for those paths where nothing is generated.

        To be asked once a request: a rule with `first` counts how often it was met.
        """
        rule = (
            arrival.fault
            or self.injected.meet(arrival, self.seed, self.clock, now_us)
            or self._faults.meet(arrival, self.seed, self.clock, now_us)
        )
        if rule is not None and rule.action == "status" and rule.retry_after.seconds is not None:
            self._tell(arrival, rule.retry_after.seconds * US_PER_S, now_us)
        return rule

    def early(self, arrival: Arrival, now_us: int) -> Early:
        """Whether this request comes before it was told to: to be asked once, before `arrive` or `fault`."""
        return self.policeman.check(arrival.key, arrival.model, arrival.named_call, now_us)

    def refusing(self, now_us: int) -> bool:
        """Whether connections are refused now."""
        return refusing(self.profile.connection_faults, self.seed, self.clock, now_us)

    def arrive(self, arrival: Arrival, now_us: int) -> Decision:
        """Injected faults first, then the quota, the rate limits, and a slot or the queue."""
        key, model = arrival.key, arrival.model
        rule = self.fault(arrival, now_us)
        if rule is not None and rule.action in REFUSING:
            self._limits.count_failed(key, model, now_us)
            return Fault(rule, self._limits.levels(key, model, now_us))
        if self._quota.exhausted(key):
            self._limits.count_failed(key, model, now_us)
            return Exhausted(self._limits.levels(key, model, now_us))
        taken = self._limits.take(key, model, _reserved(arrival), now_us)
        if isinstance(taken, Exceeded):
            if taken.wait_us is not None:
                self._tell(arrival, taken.wait_us, now_us)
            return Throttle(taken, self._limits.levels(key, model, now_us))
        return self._place(arrival, rule, taken, now_us)

    def finish(self, ticket: int, now_us: int) -> tuple[Start, ...]:
        """A reply has ended: its slot is free, its reservation becomes its real usage."""
        job = self._jobs.pop(ticket, None)
        if job is None:
            return ()
        arrival = job.arrival
        spent = job.tokens * arrival.choices
        job.reservation.settle(spent, now_us)
        self._quota.spend(arrival.key, arrival.prompt_tokens + spent)
        return self._starts(self._capacity.leave(ticket, self.background(now_us)))

    def abandon(self, ticket: int, now_us: int) -> tuple[Start, ...]:
        """The work on a reply is dropped: its caller has left and the profile says so, or a fault broke it
        off. Its reservation stays spent; of the quota it takes nothing.
        """
        if self._jobs.pop(ticket, None) is None:
            return ()
        return self._starts(self._capacity.leave(ticket, self.background(now_us)))

    def tick(self, now_us: int) -> tuple[Start, ...]:
        """Who starts because the background has fallen."""
        return self._starts(self._capacity.tick(self.background(now_us)))

    def set_profile(self, profile: Profile, now_us: int) -> None:
        """Other numbers from now on. What runs goes on. Where the limits changed, buckets start empty and
        what callers were told is forgotten; rules are counted anew from the first that changed.

        The evening clock runs on, unless the new profile's evening is another one.
        """
        if profile.evening != self.profile.evening:
            self.clock = EveningClock(profile.evening, now_us)
        if profile.limits != self.profile.limits:
            self._limits = RateLimits(profile.limits)
            self._quota = Quota(profile.limits.quota_tokens)
            self.policeman = Policeman()
        if profile.request_faults != self.profile.request_faults:
            self._faults = self._faults.changed(profile.request_faults)
        self._capacity.configure(profile.capacity)
        prepare(profile.inter_token)
        self.profile = profile

    def set_clock(self, evening: Evening, elapsed_s: float, now_us: int) -> None:
        """Lay the evening over real time so that `elapsed_s` of it have passed now."""
        self.clock = EveningClock(evening, now_us - round(elapsed_s * US_PER_S))

    def reset(self, seed: int) -> None:
        """Empty buckets, slots and queue, no rule used, none injected.

        Tickets never come twice: late endings do no harm.
        """
        self.seed = seed
        self._limits = RateLimits(self.profile.limits)
        self._quota = Quota(self.profile.limits.quota_tokens)
        self.policeman = Policeman()
        self._capacity = Capacity(self.profile.capacity)
        self._faults = RequestFaults(self.profile.request_faults)
        self.injected.clear()
        self._jobs.clear()

    def _place(
        self, arrival: Arrival, rule: RequestRule | None, reservation: Reservation, now_us: int
    ) -> Decision:
        ticket = self._next_ticket
        self._next_ticket += 1
        load = self.background(now_us)
        placement = self._capacity.arrive(ticket, load)
        if placement == "rejected":
            reservation.cancel(now_us)
            return self._overload(arrival, now_us)
        drawn = reply_tokens(self.profile.length, self.seed, arrival.call, arrival.wanted_tokens)
        tokens = min(drawn, arrival.max_tokens or MAX_OUTPUT_TOKENS)
        self._jobs[ticket] = _Job(arrival, tokens, rule, reservation)
        return Generate(
            ticket=ticket,
            tokens=tokens,
            finish_reason="length" if tokens < drawn else "stop",
            levels=self._limits.levels(arrival.key, arrival.model, now_us),
            start=self._start(ticket, self._capacity.fullness(load)) if placement == "started" else None,
            fault=rule,
            choices=arrival.choices,
        )

    def _overload(self, arrival: Arrival, now_us: int) -> Overload:
        settings = self.profile.capacity
        self._tell(arrival, settings.overload_retry_after_s * US_PER_S, now_us)
        levels = self._limits.levels(arrival.key, arrival.model, now_us)
        return Overload(settings.overload_status, settings.overload_retry_after_s, levels)

    def _tell(self, arrival: Arrival, wait_us: float, now_us: int) -> None:
        """The caller is told to come back after that time."""
        told_us = ceil(wait_us / arrival.hint_unit_us) * arrival.hint_unit_us
        self.policeman.tell(arrival.key, arrival.model, arrival.named_call, now_us + told_us)

    def _starts(self, started: tuple[Started, ...]) -> tuple[Start, ...]:
        return tuple(self._start(item.ticket, item.fullness) for item in started)

    def _start(self, ticket: int, fullness: float) -> Start:
        """The durations of a generation that starts now, in a batch this full."""
        job, profile = self._jobs[ticket], self.profile
        call, attempt = job.arrival.call, job.arrival.attempt
        first_us = ttft_us(profile.ttft, self.seed, call, attempt, job.arrival.prompt_tokens)
        if job.fault is not None and job.fault.action == "delay":
            first_us += round(job.fault.delay_ms * US_PER_MS)
        stretch = 1 + profile.capacity.slowdown * fullness
        gaps = draw_gaps(profile.inter_token, self.seed, call, attempt, stretch)
        return Start(ticket, first_us, first_us + gaps.sum_us(job.tokens), gaps)


def _reserved(arrival: Arrival) -> Size:
    return Size(arrival.prompt_tokens, (arrival.max_tokens or 0) * arrival.choices)

"""The provider as a deterministic state machine: a request and the time come in, a decision comes out.

No I/O, no clock, no global random source. Whoever drives it (a server in real time, a simulator in virtual
time) does the waiting, and calls back when a generation has ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mockserver.core.capacity import Capacity, Started
from mockserver.core.evening import EveningClock, background
from mockserver.core.faults import RequestFaults, connection_fault, refusing
from mockserver.core.latency import MAX_OUTPUT_TOKENS, generation_us, reply_tokens, ttft_us
from mockserver.core.limits import Exceeded, Levels, RateLimits
from mockserver.core.policeman import Early
from mockserver.profile import Evening, Profile
from mockserver.rules import REFUSING, ConnectionRule, RequestRule

# A waiting request may start because the background fell: ask that often (`Core.tick`).
TICK_US = 50_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """One attempt of a call, as the provider sees it. `key` is any text that stands for the account.

    `headers` are what rules may select by, their names in lower case or looked up in any case. `fault` is one
    that the request asks for itself: it is met in place of the profile's.
    """

    path: str
    model: str
    key: str
    prompt_tokens: int
    max_tokens: int | None
    call: int
    attempt: int = 1
    wanted_tokens: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: RequestRule | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """A generation has started at the time of the decision: when its first and its last token are due."""

    ticket: int
    first_us: int
    total_us: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Do what the rule says in place of a generation; `levels` go into the headers if it answers at all."""

    rule: RequestRule
    levels: Levels


@dataclass(frozen=True, slots=True)
class Throttle:
    """Over a rate limit: 429."""

    exceeded: Exceeded
    levels: Levels


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The key has spent its whole quota: 429 for good."""

    levels: Levels


@dataclass(frozen=True, slots=True)
class Overload:
    """No slot and no place in the queue."""

    status: int
    retry_after_s: float
    levels: Levels


@dataclass(frozen=True, slots=True)
class Generate:
    """A reply of `tokens` is under way, or waits for its turn while `start` is None.

    It takes its slot and its time as any other; `fault` is the rule that spoils it on its way to the caller.
    """

    ticket: int
    tokens: int
    finish_reason: Literal["stop", "length"]
    levels: Levels
    start: Start | None
    fault: RequestRule | None = None


Decision = Fault | Throttle | Exhausted | Overload | Generate


@dataclass(frozen=True, slots=True)
class _Job:
    arrival: Arrival
    tokens: int
    reserved_tokens: int


class Core:
    """The provider's whole state: limits, slots, queue, evening clock. Times are whole microseconds."""

    def __init__(self, profile: Profile, seed: int, now_us: int = 0) -> None:
        self.profile = profile
        self.seed = seed
        self.clock = EveningClock(profile.evening, now_us)
        self._limits = RateLimits(profile.limits)
        self._capacity = Capacity(profile.capacity)
        self._faults = RequestFaults(profile.request_faults)
        self._jobs: dict[int, _Job] = {}
        self._next_ticket = 0

    @property
    def running(self) -> int:
        return self._capacity.running

    @property
    def queued(self) -> int:
        return self._capacity.queued

    def background(self, now_us: int) -> float:
        """The fraction of the slots the other customers hold now."""
        return background(self.profile.capacity.background, self.clock.minute(now_us))

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
        if arrival.fault is not None:
            return arrival.fault
        return self._faults.meet(
            self.seed,
            arrival.path,
            arrival.model,
            arrival.headers,
            arrival.call,
            arrival.attempt,
            self.clock,
            now_us,
        )

    def early(self, arrival: Arrival, now_us: int) -> Early:  # noqa: ARG002 - the CORE helper writes it
        """To be written by the CORE helper."""
        return Early()

    def refusing(self, now_us: int) -> bool:
        """Whether connections are refused now."""
        return refusing(self.profile.connection_faults, self.seed, self.clock, now_us)

    def arrive(self, arrival: Arrival, now_us: int) -> Decision:
        """Injected faults first, then the rate limits, then a slot or the queue."""
        key, model = arrival.key, arrival.model
        rule = self.fault(arrival, now_us)
        if rule is not None and rule.action in REFUSING:
            self._limits.count_failed(key, model, now_us)
            return Fault(rule, self._limits.levels(key, model, now_us))
        reserved_tokens = arrival.prompt_tokens + (arrival.max_tokens or 0)
        exceeded = self._limits.take(key, model, reserved_tokens, now_us)
        if exceeded is not None:
            return Throttle(exceeded, self._limits.levels(key, model, now_us))
        return self._place(arrival, rule, reserved_tokens, now_us)

    def finish(self, ticket: int, now_us: int) -> tuple[Start, ...]:
        """A reply has ended: its slot is free, its reservation becomes its real usage."""
        job = self._jobs.pop(ticket, None)
        if job is None:
            return ()
        spent = job.arrival.prompt_tokens + job.tokens
        self._limits.reconcile(job.arrival.key, job.arrival.model, spent - job.reserved_tokens, now_us)
        return self._starts(self._capacity.leave(ticket, self.background(now_us)))

    def abandon(self, ticket: int, now_us: int) -> tuple[Start, ...]:
        """The work on a reply is dropped: its caller has left and the profile says so, or a fault broke it
        off. Its reservation stays spent.
        """
        if self._jobs.pop(ticket, None) is None:
            return ()
        return self._starts(self._capacity.leave(ticket, self.background(now_us)))

    def tick(self, now_us: int) -> tuple[Start, ...]:
        """Who starts because the background has fallen."""
        return self._starts(self._capacity.tick(self.background(now_us)))

    def set_profile(self, profile: Profile, now_us: int) -> None:
        """Other numbers from now on. What runs goes on, buckets start empty where the limits changed, and
        rules are counted anew where the rules changed.

        The evening clock runs on, unless the new profile's evening is another one.
        """
        if profile.evening != self.profile.evening:
            self.clock = EveningClock(profile.evening, now_us)
        if profile.limits != self.profile.limits:
            self._limits = RateLimits(profile.limits)
        if profile.request_faults != self.profile.request_faults:
            self._faults = RequestFaults(profile.request_faults)
        self._capacity.configure(profile.capacity)
        self.profile = profile

    def set_clock(self, evening: Evening, elapsed_s: float, now_us: int) -> None:
        """Lay the evening over real time so that `elapsed_s` of it have passed now."""
        self.clock = EveningClock(evening, now_us - round(elapsed_s * 1_000_000))

    def reset(self, seed: int) -> None:
        """Empty buckets, slots and queue, no rule used. Tickets never come twice: late endings do no harm."""
        self.seed = seed
        self._limits = RateLimits(self.profile.limits)
        self._capacity = Capacity(self.profile.capacity)
        self._faults = RequestFaults(self.profile.request_faults)
        self._jobs.clear()

    def _place(
        self, arrival: Arrival, rule: RequestRule | None, reserved_tokens: int, now_us: int
    ) -> Decision:
        ticket = self._next_ticket
        self._next_ticket += 1
        load = self.background(now_us)
        placement = self._capacity.arrive(ticket, load)
        if placement == "rejected":
            self._limits.reconcile(arrival.key, arrival.model, -reserved_tokens, now_us)
            settings = self.profile.capacity
            levels = self._limits.levels(arrival.key, arrival.model, now_us)
            return Overload(settings.overload_status, settings.overload_retry_after_s, levels)
        drawn = reply_tokens(self.profile.length, self.seed, arrival.call, arrival.wanted_tokens)
        tokens = min(drawn, arrival.max_tokens or MAX_OUTPUT_TOKENS)
        self._jobs[ticket] = _Job(arrival, tokens, reserved_tokens)
        return Generate(
            ticket=ticket,
            tokens=tokens,
            finish_reason="length" if tokens < drawn else "stop",
            levels=self._limits.levels(arrival.key, arrival.model, now_us),
            start=self._start(ticket, self._capacity.fullness(load)) if placement == "started" else None,
            fault=rule,
        )

    def _starts(self, started: tuple[Started, ...]) -> tuple[Start, ...]:
        return tuple(self._start(item.ticket, item.fullness) for item in started)

    def _start(self, ticket: int, fullness: float) -> Start:
        """The durations of a generation that starts now, in a batch this full."""
        job = self._jobs[ticket]
        call, attempt = job.arrival.call, job.arrival.attempt
        first_us = ttft_us(self.profile.ttft, self.seed, call, attempt, job.arrival.prompt_tokens)
        stretch = 1 + self.profile.capacity.slowdown * fullness
        rest_us = generation_us(self.profile.inter_token, self.seed, call, attempt, job.tokens, stretch)
        return Start(ticket, first_us, first_us + rest_us)

"""Circuit breakers as state machines over (now, verdict)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import msgspec

from harness.policy.config import BreakerConfig
from harness.policy.match import Verdict
from harness.units import NS

BUCKETS = 10  # of the sliding window

#: At most this share is added to an open time at random, so that clients do not come back together.
JITTER = 0.25

#: Beyond any `max_open_s`, and still a float.
MAX_DOUBLINGS = 500


class State(StrEnum):
    """The states of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """Leave to send one attempt; a verdict counts only in the generation that gave it."""

    generation: int


class Breaker(Protocol):
    """Ask `admit` before an attempt, give every ticket back once with `settle`, whatever became of it.

    A ticket never given back would hold its probe, and the breaker half-open, for good: settle in `finally`.
    """

    @property
    def state(self) -> State:
        """The state as of the last call."""

    @property
    def retry_at_ns(self) -> int | None:
        """When open: the earliest instant it admits again; else None."""

    def admit(self, now_ns: int) -> Ticket | None:
        """Leave to send, or None when the breaker refuses."""

    def holds(self, ticket: Ticket) -> bool:
        """Whether a ticket given earlier is still good."""

    def settle(self, ticket: Ticket, now_ns: int, verdict: Verdict) -> None:
        """What became of the attempt; NEUTRAL also for one that was never sent."""


class NoBreaker:
    """Refuses nothing."""

    state = State.CLOSED
    retry_at_ns = None

    def admit(self, now_ns: int) -> Ticket | None:
        """Always."""
        del now_ns
        return Ticket(0)

    def holds(self, ticket: Ticket) -> bool:
        """Always."""
        return ticket.generation == 0

    def settle(self, ticket: Ticket, now_ns: int, verdict: Verdict) -> None:
        """Nothing to learn."""


class CounterBreaker:
    """The article's: a leaky counter of failures, open for a fixed time, then everything at once.

    Faithful to its flaws: failures that arrive while it is open move the opening time on, successes count
    down even then, and after `open_s` the counter is forgotten.
    """

    def __init__(self, config: BreakerConfig) -> None:
        self._threshold = config.threshold
        self._open_ns = round(config.open_s * NS)
        self._count = 0
        self._opened_at_ns: int | None = None

    @property
    def state(self) -> State:
        """Closed or open; there is no half-open."""
        return State.CLOSED if self._opened_at_ns is None else State.OPEN

    @property
    def retry_at_ns(self) -> int | None:
        """When open: the end of `open_s`."""
        return None if self._opened_at_ns is None else self._opened_at_ns + self._open_ns

    def admit(self, now_ns: int) -> Ticket | None:
        """Refuses while open; the first caller after `open_s` resets everything."""
        if self._opened_at_ns is not None:
            if now_ns - self._opened_at_ns < self._open_ns:
                return None
            self._opened_at_ns = None
            self._count = 0
        return Ticket(0)

    def holds(self, ticket: Ticket) -> bool:
        """Whether the breaker is still closed."""
        return ticket.generation == 0 and self._opened_at_ns is None

    def settle(self, ticket: Ticket, now_ns: int, verdict: Verdict) -> None:
        """Count up or down; a slow success is one."""
        del ticket
        if verdict in {Verdict.SUCCESS, Verdict.SLOW}:
            self._count = max(0, self._count - 1)
        elif verdict is Verdict.FAILURE:
            self._count += 1
            if self._count >= self._threshold:
                self._opened_at_ns = now_ns


class RatioBreaker:
    """Opens on the ratio of failures, or of slow calls, in a sliding window; half-open, `probes` decide.

    Every change of state starts a generation; verdicts of older ones are ignored. The k-th opening in a row
    lasts min(max_open_s, open_s * 2^(k-1)) * (1 + u/4), u from `uniform`, a draw from [0, 1). A window is ten
    buckets: it forgets a tenth of its length at a time.
    """

    def __init__(self, config: BreakerConfig, uniform: Callable[[], float]) -> None:
        self._config = config
        self._uniform = uniform
        self._window = _Window(max(1, round(config.window_s * NS / BUCKETS)))
        self.state = State.CLOSED
        self._generation = 0
        self._ticket = Ticket(0)
        self._openings = 0  # in a row
        self._retry_at_ns = 0
        self._probing = 0
        self._probed = 0

    @property
    def retry_at_ns(self) -> int | None:
        """When open: the end of this opening."""
        return self._retry_at_ns if self.state is State.OPEN else None

    def admit(self, now_ns: int) -> Ticket | None:
        """Closed: yes. Open: no, until its time has passed. Half-open: while probes are left."""
        if self.state is State.OPEN and now_ns >= self._retry_at_ns:
            self._enter(State.HALF_OPEN)
        if self.state is State.OPEN:
            return None
        if self.state is State.HALF_OPEN:
            if self._probing + self._probed >= self._config.probes:
                return None
            self._probing += 1
        return self._ticket

    def holds(self, ticket: Ticket) -> bool:
        """Whether no change of state came between."""
        return ticket.generation == self._generation

    def settle(self, ticket: Ticket, now_ns: int, verdict: Verdict) -> None:
        """Weigh a verdict of the present generation."""
        if ticket.generation != self._generation:
            return
        if self.state is State.HALF_OPEN:
            self._probing -= 1
            self._judge_probe(now_ns, verdict)
        elif verdict is not Verdict.NEUTRAL:
            self._window.note(now_ns, verdict)
            if self._unfit():
                self._open(now_ns)

    def _judge_probe(self, now_ns: int, verdict: Verdict) -> None:
        """One failed or slow probe is enough; a neutral one is given back."""
        if verdict in {Verdict.FAILURE, Verdict.SLOW}:
            self._open(now_ns)
        elif verdict is Verdict.SUCCESS:
            self._probed += 1
            if self._probed >= self._config.probes:
                self._openings = 0
                self._enter(State.CLOSED)

    def _unfit(self) -> bool:
        config, window = self._config, self._window
        if window.calls < config.min_calls:
            return False
        if window.failures >= config.failure_ratio * window.calls:
            return True
        return config.slow_call_s is not None and window.slow >= config.slow_ratio * window.calls

    def _open(self, now_ns: int) -> None:
        doubled_s = self._config.open_s * 2.0 ** min(self._openings, MAX_DOUBLINGS)
        open_s = min(self._config.max_open_s, doubled_s) * (1 + JITTER * self._uniform())
        self._openings += 1
        self._retry_at_ns = now_ns + round(open_s * NS)
        self._enter(State.OPEN)

    def _enter(self, state: State) -> None:
        self.state = state
        self._generation += 1
        self._ticket = Ticket(self._generation)
        self._window.clear()
        self._probing = self._probed = 0


class _Window:
    """What ended in the last ten buckets of time."""

    def __init__(self, bucket_ns: int) -> None:
        self._bucket_ns = bucket_ns
        self._buckets: deque[list[int]] = deque()  # [index, calls, failures, slow]
        self.clear()

    def clear(self) -> None:
        self._buckets.clear()
        self.calls = self.failures = self.slow = 0

    def note(self, now_ns: int, verdict: Verdict) -> None:
        index = now_ns // self._bucket_ns
        buckets = self._buckets
        while buckets and buckets[0][0] <= index - BUCKETS:
            _, calls, failures, slow = buckets.popleft()
            self.calls -= calls
            self.failures -= failures
            self.slow -= slow
        if not buckets or buckets[-1][0] != index:
            buckets.append([index, 0, 0, 0])
        self._add(buckets[-1], verdict)

    def _add(self, bucket: list[int], verdict: Verdict) -> None:
        self.calls += 1
        bucket[1] += 1
        if verdict is Verdict.FAILURE:
            self.failures += 1
            bucket[2] += 1
        elif verdict is Verdict.SLOW:
            self.slow += 1
            bucket[3] += 1


def make_breaker(config: BreakerConfig, uniform: Callable[[], float]) -> Breaker:
    """The breaker a policy asks for; `uniform` draws from [0, 1)."""
    match config.kind:
        case "ratio":
            return RatioBreaker(config, uniform)
        case "counter":
            return CounterBreaker(config)
        case "off":
            return NoBreaker()

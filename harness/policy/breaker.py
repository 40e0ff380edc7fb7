"""Circuit breakers as state machines over (now, verdict)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from harness.policy.config import BreakerConfig
from harness.policy.match import Verdict
from harness.units import NS

BUCKETS = 10  # of the sliding window


class State(StrEnum):
    """The states of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to send one attempt; a verdict counts only in the generation that gave it."""

    generation: int


class Breaker(Protocol):
    """Ask `admit` before an attempt, give every ticket back once with `settle`."""

    @property
    def state(self) -> State:
        """The state as of the last call."""

    def admit(self, now_ns: int) -> Ticket | None:
        """Leave to send, or None when the breaker refuses."""

    def holds(self, ticket: Ticket) -> bool:
        """Whether a ticket given earlier is still good."""

    def settle(self, ticket: Ticket, now_ns: int, verdict: Verdict) -> None:
        """What became of the attempt; NEUTRAL also for one that was never sent."""


class NoBreaker:
    """Refuses nothing."""

    state = State.CLOSED

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
        """Count up or down."""
        del ticket
        if verdict is Verdict.SUCCESS:
            self._count = max(0, self._count - 1)
        elif verdict is Verdict.FAILURE:
            self._count += 1
            if self._count >= self._threshold:
                self._opened_at_ns = now_ns


class RatioBreaker:
    """Opens on the failure ratio of a sliding window; half-open admits `probes` and judges by them alone.

    Every change of state starts a generation; verdicts of older ones are ignored.
    """

    def __init__(self, config: BreakerConfig) -> None:
        self._config = config
        self._open_ns = round(config.open_s * NS)
        self._bucket_ns = max(1, round(config.window_s * NS / BUCKETS))
        self._state = State.CLOSED
        self._generation = 0
        self._opened_at_ns = 0
        self._window: deque[list[int]] = deque()  # [bucket index, calls, failures]
        self._probing = 0
        self._probed = 0

    @property
    def state(self) -> State:
        """The state as of the last call."""
        return self._state

    def admit(self, now_ns: int) -> Ticket | None:
        """Closed: yes. Open: no, until `open_s` has passed. Half-open: while probes are left."""
        if self._state is State.OPEN and now_ns - self._opened_at_ns >= self._open_ns:
            self._enter(State.HALF_OPEN)
        if self._state is State.OPEN:
            return None
        if self._state is State.HALF_OPEN:
            if self._probing + self._probed >= self._config.probes:
                return None
            self._probing += 1
        return Ticket(self._generation)

    def holds(self, ticket: Ticket) -> bool:
        """Whether no change of state came between."""
        return ticket.generation == self._generation

    def settle(self, ticket: Ticket, now_ns: int, verdict: Verdict) -> None:
        """Weigh a verdict of the present generation."""
        if ticket.generation != self._generation:
            return
        if self._state is State.HALF_OPEN:
            self._probing -= 1
            self._judge_probe(now_ns, verdict)
        elif verdict is not Verdict.NEUTRAL:
            self._note(now_ns, failed=verdict is Verdict.FAILURE)

    def _judge_probe(self, now_ns: int, verdict: Verdict) -> None:
        if verdict is Verdict.FAILURE:
            self._open(now_ns)
        elif verdict is Verdict.SUCCESS:
            self._probed += 1
            if self._probed >= self._config.probes:
                self._enter(State.CLOSED)

    def _note(self, now_ns: int, *, failed: bool) -> None:
        index = now_ns // self._bucket_ns
        while self._window and self._window[0][0] <= index - BUCKETS:
            self._window.popleft()
        if not self._window or self._window[-1][0] != index:
            self._window.append([index, 0, 0])
        self._window[-1][1] += 1
        self._window[-1][2] += failed
        calls = sum(b[1] for b in self._window)
        failures = sum(b[2] for b in self._window)
        if calls >= self._config.min_calls and failures >= self._config.failure_ratio * calls:
            self._open(now_ns)

    def _open(self, now_ns: int) -> None:
        self._opened_at_ns = now_ns
        self._enter(State.OPEN)

    def _enter(self, state: State) -> None:
        self._state = state
        self._generation += 1
        self._window.clear()
        self._probing = self._probed = 0


def make_breaker(config: BreakerConfig) -> Breaker:
    """The breaker a policy asks for."""
    match config.kind:
        case "ratio":
            return RatioBreaker(config)
        case "counter":
            return CounterBreaker(config)
        case "off":
            return NoBreaker()

"""What happened in one worker in about a second, for whoever looks on while the run plays.

Made only where somebody looks. A pulse is small and bounded whatever the load: counts, histograms of a few
dozen steps, the changes of breakers up to MOST_CHANGES, and where things stood at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log2
from typing import Any, TypeAlias

import msgspec

from harness.model import (
    AttemptFinished,
    BreakerChanged,
    CallFinished,
    Event,
    Outcome,
    Waited,
)
from harness.units import NS

#: Steps of a histogram in a factor of two: what it says of a time is within 4.5 % of it.
STEPS = 8

#: Shorter times than a tenth of a millisecond count as one.
SHORTEST_NS = 100_000

#: Told in one pulse; of more, how many they were.
MOST_CHANGES = 50

#: How many times fell into each step: the step of a time of n nanoseconds is log2(n) * STEPS, rounded.
Histogram: TypeAlias = dict[int, int]


class Gate(msgspec.Struct):
    """How one route stands: its breaker's state, its permits (None: unlimited), who holds and who waits."""

    breaker: str
    limit: int | None
    held: int
    waiting: int


class Change(msgspec.Struct):
    """A breaker went to a state; named `breaker` or `fallback_breaker`, as in a run's events table."""

    at_s: float
    name: str
    state: str


class Pulse(msgspec.Struct):
    """One worker's second number `second` of the run.

    `calls` and `attempts` that ended, by outcome; `sent` are the attempts of the calls that ended. Times are
    histograms of nanoseconds: `latency` of ok calls (end - intended), `ttft` of streams' attempts, `wait` for
    rate and permit of each attempt, `lag` of each call (start - intended). `backoff_s` was begun to be waited
    between attempts. `in_flight` and `gates`, a gate a route, are as of its end.
    """

    second: int
    scheduled: int = 0
    sent: int = 0
    calls: dict[str, int] = msgspec.field(default_factory=dict)
    attempts: dict[str, int] = msgspec.field(default_factory=dict)
    latency: Histogram = msgspec.field(default_factory=dict)
    ttft: Histogram = msgspec.field(default_factory=dict)
    wait: Histogram = msgspec.field(default_factory=dict)
    lag: Histogram = msgspec.field(default_factory=dict)
    backoff_s: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    loop_lag_s: float = 0.0
    changes: list[Change] = msgspec.field(default_factory=list)
    untold: int = 0
    in_flight: int = 0
    gates: list[Gate] = msgspec.field(default_factory=list)

    def message(self) -> dict[str, Any]:
        """As sent from a worker to the master."""
        message: dict[str, Any] = msgspec.to_builtins(self)
        return message

    def add(self, other: Pulse) -> None:
        """Take in what another one counted; where things stood stays as it is."""
        for name in ("scheduled", "sent", "backoff_s", "prompt_tokens", "completion_tokens", "untold"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("calls", "attempts", "latency", "ttft", "wait", "lag"):
            _sum(getattr(self, name), getattr(other, name))
        self.loop_lag_s = max(self.loop_lag_s, other.loop_lag_s)


def pulse_from(message: Mapping[str, Any]) -> Pulse:
    """The pulse a worker sent."""
    return msgspec.convert(message, Pulse)


class Pulses:
    """Makes one worker's pulses; `origin_ns` is the clock's reading at the run's start."""

    def __init__(self, origin_ns: int) -> None:
        self._origin_ns = origin_ns
        self._open = Pulse(0)
        self._scheduled = 0

    def count(self, events: Sequence[Event]) -> None:
        """Take in what the client told."""
        pulse = self._open
        for event in events:
            match event:
                case AttemptFinished():
                    _count_attempt(pulse, event)
                case CallFinished():
                    _count_call(pulse, event)
                case Waited():
                    pulse.backoff_s += event.duration_ns / NS
                case BreakerChanged():
                    self._change(pulse, event)
                case _:  # how limits stand, a gate tells
                    continue

    def late(self, late_s: float) -> None:
        """The event loop woke a sleeper so late."""
        self._open.loop_lag_s = max(self._open.loop_lag_s, late_s)

    def take(self, now_ns: int, scheduled: int, in_flight: int, gates: list[Gate]) -> Pulse | None:
        """The pulse under way, if its second is over. `scheduled` are all arrivals so far."""
        second = max(0, (now_ns - self._origin_ns) // NS)
        if second <= self._open.second:
            return None
        pulse = self.close(scheduled, in_flight, gates)
        self._open.second = second
        return pulse

    def close(self, scheduled: int, in_flight: int, gates: list[Gate]) -> Pulse:
        """The pulse under way, as it is; another one begins."""
        pulse, self._open = self._open, Pulse(self._open.second + 1)
        pulse.scheduled, self._scheduled = scheduled - self._scheduled, scheduled
        pulse.in_flight, pulse.gates = in_flight, gates
        return pulse

    def _change(self, pulse: Pulse, event: BreakerChanged) -> None:
        if len(pulse.changes) >= MOST_CHANGES:
            pulse.untold += 1
            return
        at_s = (event.at_ns - self._origin_ns) / NS
        name = "fallback_breaker" if event.route else "breaker"
        pulse.changes.append(Change(at_s, name, event.after))


def step_of(duration_ns: int) -> int:
    """The step of a histogram that a time falls into."""
    return round(log2(max(duration_ns, SHORTEST_NS)) * STEPS)


def quantile_ns(histogram: Histogram, share: float) -> float | None:
    """The time that a share of those counted did not exceed, to 4.5 %; None of none."""
    rank = share * sum(histogram.values())
    so_far = 0
    for step in sorted(histogram):
        so_far += histogram[step]
        if so_far >= rank:
            return float(2 ** (step / STEPS))
    return None


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """All of them together."""
    every: Histogram = {}
    for histogram in histograms:
        _sum(every, histogram)
    return every


def _count_attempt(pulse: Pulse, event: AttemptFinished) -> None:
    attempt = event.attempt
    _one(pulse.attempts, attempt.outcome.value)
    _one(pulse.wait, step_of(attempt.permit_wait_ns))
    if attempt.first_token_ns is not None:
        _one(pulse.ttft, step_of(attempt.first_token_ns - attempt.sent_ns))
    if attempt.usage is not None:
        pulse.prompt_tokens += attempt.usage.prompt_tokens
        pulse.completion_tokens += attempt.usage.completion_tokens


def _count_call(pulse: Pulse, event: CallFinished) -> None:
    call = event.call
    _one(pulse.calls, call.outcome.value)
    pulse.sent += call.attempts
    _one(pulse.lag, step_of(call.start_ns - call.intended_ns))
    if call.outcome is Outcome.OK:
        _one(pulse.latency, step_of(call.end_ns - call.intended_ns))


def _one(counts: dict[Any, int], key: str | int) -> None:
    counts[key] = counts.get(key, 0) + 1


def _sum(into: dict[Any, int], counts: Mapping[Any, int]) -> None:
    for key, count in counts.items():
        into[key] = into.get(key, 0) + count

"""Whether to try again, and how long to wait before it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model import Attempt, Outcome, StoppedBy
from harness.policy.config import RetryConfig
from harness.policy.match import matches

#: uvloop's timers may fire a millisecond early (its clock has 1 ms resolution): stay clear of the floor.
FLOOR_MARGIN_S = 0.002

#: Beyond any cap, and still a float.
MAX_DOUBLINGS = 500

_THROTTLES = (Outcome.THROTTLED, Outcome.OVERLOADED)


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after `wait_s`."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Go no further, for this reason; None when there is nothing to retry (the attempt was ok)."""

    reason: StoppedBy | None


def backoff_s(config: RetryConfig, attempt: Attempt, uniform: float) -> float:
    """The wait after an attempt; `uniform` is a draw from [0, 1).

    Exponential ceiling min(cap, base * 2^(n-1)); full jitter takes a uniform share of it (AWS Architecture
    Blog, "Exponential Backoff and Jitter"). Retry-After is a floor, the jittered backoff comes on top.
    """
    base_s = config.throttle_base_s if attempt.outcome in _THROTTLES else config.base_s
    ceiling_s = min(config.cap_s, base_s * 2.0 ** min(attempt.number - 1, MAX_DOUBLINGS))
    wait_s = max(config.min_s, ceiling_s * uniform if config.jitter == "full" else ceiling_s)
    if config.hints and attempt.retry_after_s is not None:
        wait_s += attempt.retry_after_s + FLOOR_MARGIN_S
    return wait_s


def decide(config: RetryConfig, attempt: Attempt, *, uniform: float, left_s: float | None) -> Again | Stop:
    """What follows an attempt. `left_s` is what remains of the deadline, None without one.

    A wait that would not end before the deadline is not begun.
    """
    if attempt.outcome is Outcome.OK:
        return Stop(None)
    if attempt.outcome is Outcome.DEADLINE:
        return Stop(StoppedBy.DEADLINE)
    forbidden = config.hints and attempt.should_retry is False
    if forbidden or not matches(config.on, attempt):
        return Stop(StoppedBy.FATAL)
    if attempt.number >= config.attempts:
        return Stop(StoppedBy.ATTEMPTS)
    wait_s = backoff_s(config, attempt, uniform)
    if left_s is not None and wait_s >= left_s:
        return Stop(StoppedBy.DEADLINE)
    return Again(wait_s)

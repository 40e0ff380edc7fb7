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

#: These end the call; why it went no further.
_ENDINGS = {
    Outcome.OK: None,
    Outcome.DEADLINE: StoppedBy.DEADLINE,
    Outcome.CANCELLED: StoppedBy.USER,
}

#: Not even `x-should-retry: true` makes another attempt of these worth while.
_NEVER = ("fatal.quota",)


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after `wait_s`."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Go no further, for this reason; None when there is nothing to retry (the attempt was ok)."""

    reason: StoppedBy | None


def backoff_s(config: RetryConfig, attempt: Attempt, *, tries: int, uniform: float) -> float:
    """The wait after the `tries`-th attempt; `uniform` is a draw from [0, 1).

    Exponential ceiling min(cap, base * 2^(tries-1)); full jitter takes a uniform share of it (AWS
    Architecture Blog, "Exponential Backoff and Jitter"). Retry-After is a floor, the jittered backoff comes
    on top.
    """
    base_s = config.throttle_base_s if attempt.outcome in _THROTTLES else config.base_s
    ceiling_s = min(config.cap_s, base_s * 2.0 ** min(tries - 1, MAX_DOUBLINGS))
    wait_s = max(config.min_s, ceiling_s * uniform if config.jitter == "full" else ceiling_s)
    if config.hints and attempt.retry_after_s is not None:
        wait_s += attempt.retry_after_s + FLOOR_MARGIN_S
    return wait_s


def decide(
    config: RetryConfig, attempt: Attempt, *, tries: int, uniform: float, left_s: float | None
) -> Again | Stop:
    """What follows an attempt, the `tries`-th on its route. `left_s` is what remains of the deadline, if any.

    A wait that would not end before the deadline is not begun.
    """
    if attempt.outcome in _ENDINGS:
        return Stop(_ENDINGS[attempt.outcome])
    if not _worth_another(config, attempt):
        return Stop(StoppedBy.FATAL)
    if tries >= config.attempts:
        return Stop(StoppedBy.ATTEMPTS)
    wait_s = backoff_s(config, attempt, tries=tries, uniform=uniform)
    if left_s is not None and wait_s >= left_s:
        return Stop(StoppedBy.DEADLINE)
    return Again(wait_s)


def _worth_another(config: RetryConfig, attempt: Attempt) -> bool:
    """Never once the caller has seen a part of the reply; then the API's word, then the policy's."""
    if attempt.outcome is Outcome.PARTIAL or attempt.first_token_ns is not None:
        return False
    if config.hints and attempt.should_retry is False:
        return False
    told = config.hints and attempt.should_retry is True and not matches(_NEVER, attempt)
    return told or matches(config.on, attempt)

"""Which attempts a policy's selectors mean: `outcome`, or finer `outcome.fault`."""

from __future__ import annotations

from enum import Enum

from harness.model import Attempt

HTTP_OK = 200


class Verdict(Enum):
    """What an attempt tells a breaker."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"


def matches(selectors: tuple[str, ...], attempt: Attempt) -> bool:
    """Whether one of the selectors means this attempt."""
    return attempt.outcome in selectors or attempt.selector in selectors


def verdict(counts: tuple[str, ...], attempt: Attempt) -> Verdict:
    """A failure when the policy counts it; a success when the API answered 200; else it says nothing."""
    if matches(counts, attempt):
        return Verdict.FAILURE
    return Verdict.SUCCESS if attempt.status == HTTP_OK else Verdict.NEUTRAL

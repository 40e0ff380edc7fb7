"""Which attempts a policy's selectors mean (`outcome` or `outcome.fault`), and what they tell a breaker."""

from __future__ import annotations

from enum import Enum

from harness.model import Attempt, Outcome
from harness.policy.config import BreakerConfig
from harness.units import NS

HTTP_OK = 200

#: With a status of 200 these, too, are an API that answered.
_ANSWERED = (Outcome.MALFORMED, Outcome.PARTIAL)


class Verdict(Enum):
    """What an attempt tells a breaker. SLOW is a success that took too long."""

    SUCCESS = "success"
    SLOW = "slow"
    FAILURE = "failure"
    NEUTRAL = "neutral"


def matches(selectors: tuple[str, ...], attempt: Attempt) -> bool:
    """Whether one of the selectors means this attempt."""
    return attempt.outcome in selectors or attempt.selector in selectors


def verdict(config: BreakerConfig, attempt: Attempt) -> Verdict:
    """A failure when the policy counts it; a success, or slow, when the API answered; else it says nothing.

    A cancelled attempt never says anything. An `ok` is a success whatever its status.
    """
    if attempt.outcome is Outcome.CANCELLED:
        return Verdict.NEUTRAL
    if attempt.outcome is not Outcome.OK:
        if matches(config.counts, attempt):
            return Verdict.FAILURE
        if attempt.status != HTTP_OK or attempt.outcome not in _ANSWERED:
            return Verdict.NEUTRAL
    if config.slow_call_s is not None:
        answered_ns = attempt.end_ns if attempt.first_token_ns is None else attempt.first_token_ns
        if answered_ns - attempt.sent_ns >= config.slow_call_s * NS:
            return Verdict.SLOW
    return Verdict.SUCCESS

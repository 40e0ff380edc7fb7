"""Which attempts a selector means, and what they tell the breaker."""

from dataclasses import replace

import pytest

from harness.model import Fault, Outcome
from harness.policy.config import FAILURES, RETRYABLE, BreakerConfig
from harness.policy.match import Verdict, matches, verdict
from harness.policy.presets import ARTICLE
from tests.harness.policy.attempts import attempt

DEFAULT = BreakerConfig()
SLOW = BreakerConfig(slow_call_s=5)


def test_an_outcome_means_all_its_faults() -> None:
    for fault in (Fault.CONNECT, Fault.READ, Fault.PROTOCOL, Fault.STATUS):
        assert matches(("transient",), attempt(Outcome.TRANSIENT, fault))
    assert not matches(("transient",), attempt(Outcome.TIMEOUT, Fault.CONNECT_TIMEOUT))


def test_a_fault_narrows_the_outcome() -> None:
    assert matches(("transient.connect",), attempt(Outcome.TRANSIENT, Fault.CONNECT))
    assert not matches(("transient.connect",), attempt(Outcome.TRANSIENT, Fault.READ))
    assert not matches(("transient.connect",), attempt(Outcome.TRANSIENT))
    assert not matches(("transient.connect",), attempt(Outcome.TIMEOUT, Fault.CONNECT))


def test_no_selectors_mean_nothing() -> None:
    assert not matches((), attempt(Outcome.TRANSIENT))


@pytest.mark.parametrize(
    ("outcome", "status", "expected"),
    [
        (Outcome.OK, 200, Verdict.SUCCESS),
        (Outcome.OK, 201, Verdict.SUCCESS),
        (Outcome.OK, None, Verdict.SUCCESS),
        (Outcome.PARTIAL, 200, Verdict.SUCCESS),
        (Outcome.DEADLINE, 200, Verdict.NEUTRAL),
        (Outcome.MALFORMED, 200, Verdict.FAILURE),
        (Outcome.OVERLOADED, 503, Verdict.FAILURE),
        (Outcome.TRANSIENT, 500, Verdict.FAILURE),
        (Outcome.TRANSIENT, None, Verdict.FAILURE),
        (Outcome.TIMEOUT, None, Verdict.FAILURE),
        (Outcome.THROTTLED, 429, Verdict.NEUTRAL),
        (Outcome.FATAL, 401, Verdict.NEUTRAL),
        (Outcome.LOCAL, None, Verdict.NEUTRAL),
        (Outcome.DEADLINE, None, Verdict.NEUTRAL),
        (Outcome.CANCELLED, None, Verdict.NEUTRAL),
    ],
)
def test_what_each_outcome_tells_the_default_breaker(
    outcome: Outcome, status: int | None, expected: Verdict
) -> None:
    assert verdict(DEFAULT, attempt(outcome, status=status)) is expected


def test_a_cancelled_attempt_says_nothing_even_if_it_is_listed() -> None:
    # The settings refuse it; a caller's own configuration object might not.
    config = replace(DEFAULT)
    object.__setattr__(config, "counts", ("cancelled", "malformed"))
    assert verdict(config, attempt(Outcome.CANCELLED, status=200)) is Verdict.NEUTRAL


def test_a_partial_reply_counts_where_the_policy_says_so() -> None:
    config = BreakerConfig(counts=("partial",))
    assert verdict(config, attempt(Outcome.PARTIAL, Fault.IDLE_TIMEOUT, status=200)) is Verdict.FAILURE


@pytest.mark.parametrize(
    ("outcome", "status", "end_s", "first_token_s", "expected"),
    [
        (Outcome.OK, 200, 104.9, None, Verdict.SUCCESS),
        (Outcome.OK, 200, 105, None, Verdict.SLOW),
        (Outcome.OK, 200, 130, 104.9, Verdict.SUCCESS),  # a stream: to its first token
        (Outcome.OK, 200, 130, 105, Verdict.SLOW),
        (Outcome.PARTIAL, 200, 130, 105, Verdict.SLOW),
        (Outcome.TIMEOUT, None, 130, None, Verdict.FAILURE),
        (Outcome.MALFORMED, 200, 130, None, Verdict.FAILURE),
        (Outcome.THROTTLED, 429, 130, None, Verdict.NEUTRAL),
        (Outcome.DEADLINE, None, 130, None, Verdict.NEUTRAL),
    ],
)
def test_a_success_may_be_slow(
    outcome: Outcome, status: int | None, end_s: float, first_token_s: float | None, expected: Verdict
) -> None:
    ended = attempt(outcome, status=status, sent_s=100, end_s=end_s, first_token_s=first_token_s)
    assert verdict(SLOW, ended) is expected


def test_a_first_token_at_the_instant_zero_is_one() -> None:
    # Virtual time begins at 0.
    ended = attempt(Outcome.OK, status=200, sent_s=0, first_token_s=0, end_s=60)
    assert verdict(SLOW, ended) is Verdict.SUCCESS


def test_nothing_is_slow_unless_the_policy_says_when() -> None:
    assert verdict(DEFAULT, attempt(Outcome.OK, status=200, end_s=1e6)) is Verdict.SUCCESS


def test_the_article_takes_a_200_it_cannot_read_for_a_success() -> None:
    # It records the success before it parses the body.
    assert verdict(ARTICLE.breaker, attempt(Outcome.MALFORMED, Fault.BODY, status=200)) is Verdict.SUCCESS


def test_the_article_counts_429_and_neither_500_nor_401() -> None:
    config = ARTICLE.breaker
    assert verdict(config, attempt(Outcome.THROTTLED, Fault.STATUS, status=429)) is Verdict.FAILURE
    assert verdict(config, attempt(Outcome.TRANSIENT, Fault.STATUS, status=500)) is Verdict.NEUTRAL
    assert verdict(config, attempt(Outcome.FATAL, Fault.STATUS, status=401)) is Verdict.NEUTRAL


def test_the_article_takes_every_429_for_a_timeout() -> None:
    # Its code looks at the status alone: a used-up quota is retried and counted like any other 429.
    quota = attempt(Outcome.FATAL, Fault.QUOTA, status=429)
    assert matches(ARTICLE.retry.on, quota)
    assert verdict(ARTICLE.breaker, quota) is Verdict.FAILURE


def test_what_is_retried_and_what_is_counted_by_default() -> None:
    assert set(RETRYABLE) == {"throttled", "overloaded", "transient", "timeout", "malformed"}
    assert set(FAILURES) == set(RETRYABLE) - {"throttled"}

"""Which attempts a selector means, and what they tell the breaker."""

import pytest

from harness.model import Fault, Outcome
from harness.policy.config import FAILURES, RETRYABLE
from harness.policy.match import Verdict, matches, verdict
from harness.policy.presets import ARTICLE
from tests.harness.policy.attempts import attempt


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
    assert verdict(FAILURES, attempt(outcome, status=status)) is expected


def test_the_article_takes_a_200_it_cannot_read_for_a_success() -> None:
    # It records the success before it parses the body.
    assert (
        verdict(ARTICLE.breaker.counts, attempt(Outcome.MALFORMED, Fault.BODY, status=200)) is Verdict.SUCCESS
    )


def test_the_article_counts_429_and_neither_500_nor_401() -> None:
    counts = ARTICLE.breaker.counts
    assert verdict(counts, attempt(Outcome.THROTTLED, Fault.STATUS, status=429)) is Verdict.FAILURE
    assert verdict(counts, attempt(Outcome.TRANSIENT, Fault.STATUS, status=500)) is Verdict.NEUTRAL
    assert verdict(counts, attempt(Outcome.FATAL, Fault.STATUS, status=401)) is Verdict.NEUTRAL


def test_the_article_takes_every_429_for_a_timeout() -> None:
    # Its code looks at the status alone: a used-up quota is retried and counted like any other 429.
    quota = attempt(Outcome.FATAL, Fault.QUOTA, status=429)
    assert matches(ARTICLE.retry.on, quota)
    assert verdict(ARTICLE.breaker.counts, quota) is Verdict.FAILURE


def test_what_is_retried_and_what_is_counted_by_default() -> None:
    assert set(RETRYABLE) == {"throttled", "overloaded", "transient", "timeout", "malformed"}
    assert set(FAILURES) == set(RETRYABLE) - {"throttled"}

"""What follows an attempt, and how long the wait before the next one is."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Attempt, Fault, Outcome, StoppedBy
from harness.policy.config import RetryConfig
from harness.policy.presets import ARTICLE
from harness.policy.retry import FLOOR_MARGIN_S, Again, Stop, backoff_s, decide
from tests.harness.policy.attempts import attempt

FULL = RetryConfig(attempts=6, base_s=0.5, throttle_base_s=1.0, cap_s=10.0)
RIGID = replace(FULL, jitter="none")


def _again(config: RetryConfig, last: Attempt, *, uniform: float = 0.0, left_s: float | None = None) -> float:
    decision = decide(config, last, uniform=uniform, left_s=left_s)
    assert isinstance(decision, Again)
    return decision.wait_s


@pytest.mark.parametrize(
    ("number", "ceiling_s"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (9, 10.0)]
)
def test_full_jitter_waits_half_its_ceiling_on_average(number: int, ceiling_s: float) -> None:
    rng = Random(20)
    last = attempt(Outcome.THROTTLED, number=number)
    waits = [backoff_s(FULL, last, rng.random()) for _ in range(20_000)]
    # The standard error of the mean of 20,000 uniforms on [0, c) is 0.289 c / 141 = 0.002 c.
    assert sum(waits) / len(waits) == pytest.approx(ceiling_s / 2, rel=0.02)
    assert 0 <= min(waits) < 0.01 * ceiling_s
    assert 0.99 * ceiling_s < max(waits) < ceiling_s


def test_without_jitter_the_wait_doubles_up_to_the_cap() -> None:
    waits = [backoff_s(RIGID, attempt(Outcome.TRANSIENT, number=n), 0.3) for n in range(1, 8)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("outcome", "first_s"),
    [
        (Outcome.THROTTLED, 1.0),
        (Outcome.OVERLOADED, 1.0),
        (Outcome.TRANSIENT, 0.5),
        (Outcome.TIMEOUT, 0.5),
        (Outcome.MALFORMED, 0.5),
    ],
)
def test_a_throttled_or_overloaded_api_has_a_base_of_its_own(outcome: Outcome, first_s: float) -> None:
    assert backoff_s(RIGID, attempt(outcome), 0.0) == first_s


def test_the_least_wait_holds_under_any_jitter() -> None:
    config = replace(FULL, min_s=2.0)
    last = attempt(Outcome.THROTTLED, number=2)
    assert backoff_s(config, last, 0.0) == 2.0
    assert backoff_s(config, last, 0.5) == 2.0
    assert backoff_s(replace(config, min_s=0.25), last, 0.5) == 1.0


def test_the_jitter_comes_on_top_of_retry_after_and_clears_its_floor() -> None:
    last = attempt(Outcome.THROTTLED, number=2, retry_after_s=7.0)
    assert backoff_s(FULL, last, 0.0) == 7.0 + FLOOR_MARGIN_S
    assert backoff_s(FULL, last, 0.5) == pytest.approx(7.0 + 0.002 + 1.0)


def test_retry_after_of_zero_is_a_floor_of_zero() -> None:
    assert backoff_s(FULL, attempt(Outcome.THROTTLED, retry_after_s=0.0), 0.0) == FLOOR_MARGIN_S


def test_the_api_s_hints_may_be_ignored() -> None:
    config = replace(FULL, hints=False)
    assert backoff_s(config, attempt(Outcome.THROTTLED, retry_after_s=7.0), 0.5) == 0.5


@given(
    number=st.integers(1, 40),
    uniform=st.floats(0, 1, exclude_max=True),
    retry_after_s=st.none() | st.floats(0, 1e6),
    base_s=st.floats(0, 5),
    span_s=st.floats(0, 50),
    min_s=st.floats(0, 5),
)
@settings(deadline=None)
def test_a_wait_stays_between_its_floor_and_its_cap(
    number: int, uniform: float, retry_after_s: float | None, base_s: float, span_s: float, min_s: float
) -> None:
    config = RetryConfig(base_s=base_s, throttle_base_s=base_s, min_s=min_s, cap_s=min_s + span_s)
    wait_s = backoff_s(
        config, attempt(Outcome.THROTTLED, number=number, retry_after_s=retry_after_s), uniform
    )
    hint_s = retry_after_s or 0.0
    assert wait_s >= hint_s + min_s
    assert wait_s <= (hint_s + config.cap_s + FLOOR_MARGIN_S) * (1 + 1e-12)


def test_the_thousandth_retry_still_waits_the_cap() -> None:
    config = RetryConfig(attempts=5000, base_s=0.001, cap_s=0.01, jitter="none")
    assert backoff_s(config, attempt(Outcome.TRANSIENT, number=2000), 0.0) == 0.01


def test_the_articles_settings_wait_two_seconds_twice() -> None:
    # tenacity's wait_exponential(1, min=2, max=10) gives max(2, 2^0) and max(2, 2^1).
    waits = [_again(ARTICLE.retry, attempt(Outcome.THROTTLED, number=n), uniform=0.9) for n in (1, 2)]
    assert waits == [2.0, 2.0]
    assert decide(ARTICLE.retry, attempt(Outcome.THROTTLED, number=3), uniform=0.9, left_s=None) == Stop(
        StoppedBy.ATTEMPTS
    )


@pytest.mark.parametrize(
    ("outcome", "fault", "wanted"),
    [
        (Outcome.THROTTLED, Fault.STATUS, True),
        (Outcome.TIMEOUT, Fault.READ_TIMEOUT, True),
        (Outcome.TIMEOUT, Fault.CONNECT_TIMEOUT, True),
        (Outcome.LOCAL, Fault.POOL, True),
        (Outcome.TRANSIENT, Fault.CONNECT, True),
        (Outcome.TRANSIENT, Fault.READ, False),
        (Outcome.TRANSIENT, Fault.STATUS, False),
        (Outcome.OVERLOADED, Fault.STATUS, False),
        (Outcome.MALFORMED, Fault.BODY, False),
        (Outcome.FATAL, Fault.STATUS, False),
    ],
)
def test_the_article_retries_timeouts_429_and_refused_connections_only(
    outcome: Outcome, fault: Fault, *, wanted: bool
) -> None:
    decision = decide(ARTICLE.retry, attempt(outcome, fault), uniform=0.0, left_s=None)
    assert decision == (Again(2.0) if wanted else Stop(StoppedBy.FATAL))


def test_the_article_never_reads_x_should_retry() -> None:
    # Its code looks at the status alone.
    last = attempt(Outcome.THROTTLED, Fault.STATUS, status=429, should_retry=False)
    assert decide(ARTICLE.retry, last, uniform=0.0, left_s=None) == Again(2.0)


def test_a_success_stops_without_a_reason() -> None:
    assert decide(FULL, attempt(Outcome.OK, status=200), uniform=0.0, left_s=5.0) == Stop(None)


def test_the_last_attempt_is_the_last() -> None:
    assert decide(FULL, attempt(Outcome.TRANSIENT, number=6), uniform=0.0, left_s=None) == Stop(
        StoppedBy.ATTEMPTS
    )
    assert isinstance(decide(FULL, attempt(Outcome.TRANSIENT, number=5), uniform=0.0, left_s=None), Again)


def test_what_the_policy_does_not_retry_is_fatal() -> None:
    for outcome in (Outcome.FATAL, Outcome.LOCAL):
        assert decide(FULL, attempt(outcome), uniform=0.0, left_s=None) == Stop(StoppedBy.FATAL)


def test_an_attempt_cut_by_the_deadline_is_not_repeated() -> None:
    config = replace(FULL, on=("deadline", "throttled"))
    assert decide(config, attempt(Outcome.DEADLINE), uniform=0.0, left_s=0.0) == Stop(StoppedBy.DEADLINE)


def test_x_should_retry_false_is_obeyed() -> None:
    last = attempt(Outcome.THROTTLED, status=429, should_retry=False)
    assert decide(FULL, last, uniform=0.0, left_s=None) == Stop(StoppedBy.FATAL)


def test_x_should_retry_true_changes_nothing_for_what_is_retried_anyway() -> None:
    last = attempt(Outcome.THROTTLED, status=429, should_retry=True)
    assert _again(FULL, last, uniform=0.5) == 0.5


def test_a_wait_that_cannot_end_before_the_deadline_is_not_begun() -> None:
    last = attempt(Outcome.THROTTLED, number=2)  # without jitter it waits 2 s
    assert decide(RIGID, last, uniform=0.0, left_s=2.0) == Stop(StoppedBy.DEADLINE)
    assert decide(RIGID, last, uniform=0.0, left_s=1.0) == Stop(StoppedBy.DEADLINE)
    assert decide(RIGID, last, uniform=0.0, left_s=2.001) == Again(2.0)


def test_a_retry_after_beyond_the_deadline_ends_the_call_at_once() -> None:
    last = attempt(Outcome.THROTTLED, retry_after_s=3600.0)
    assert decide(FULL, last, uniform=0.0, left_s=45.0) == Stop(StoppedBy.DEADLINE)


@pytest.mark.parametrize("most", [1, 2, 3, 5])
@pytest.mark.parametrize("failing", [0.1, 0.5, 0.9])
def test_attempts_a_call_follow_the_geometric_law(most: int, failing: float) -> None:
    seed = 7
    rng = Random(seed)
    config = replace(FULL, attempts=most)
    calls, sent = 20_000, 0
    for _ in range(calls):
        number = 1
        while True:
            sent += 1
            outcome = Outcome.TRANSIENT if rng.random() < failing else Outcome.OK
            if isinstance(decide(config, attempt(outcome, number=number), uniform=0.0, left_s=None), Stop):
                break
            number += 1
    # E = (1 - p^N) / (1 - p); its standard error over 20,000 calls is under 0.012.
    expected = (1 - failing**most) / (1 - failing)
    assert sent / calls == pytest.approx(expected, abs=0.05), f"seed {seed}"

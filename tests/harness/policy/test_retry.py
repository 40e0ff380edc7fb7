"""What follows an attempt, and how long the wait before the next one is."""

from dataclasses import replace
from itertools import count
from math import sqrt
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from harness.model import Attempt, Fault, Outcome, StoppedBy
from harness.policy.config import RetryConfig
from harness.policy.presets import ARTICLE
from harness.policy.retry import FLOOR_MARGIN_S, Again, Stop, backoff_s, decide
from tests.harness.policy.attempts import attempt

FULL = RetryConfig(attempts=6, base_s=0.5, throttle_base_s=1.0, cap_s=10.0)
RIGID = replace(FULL, jitter="none")


def _after(
    config: RetryConfig, last: Attempt, *, tries: int = 1, left_s: float | None = None
) -> Again | Stop:
    return decide(config, last, tries=tries, uniform=0.0, left_s=left_s)


def _wait_s(config: RetryConfig, last: Attempt, *, tries: int = 1, uniform: float = 0.0) -> float:
    decision = decide(config, last, tries=tries, uniform=uniform, left_s=None)
    assert isinstance(decision, Again)
    return decision.wait_s


@pytest.mark.parametrize(
    ("tries", "ceiling_s"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (9, 10.0)]
)
def test_full_jitter_waits_half_its_ceiling_on_average(tries: int, ceiling_s: float) -> None:
    seed, n = 20, 20_000
    rng = Random(seed)
    last = attempt(Outcome.THROTTLED)
    waits = [backoff_s(FULL, last, tries=tries, uniform=rng.random()) for _ in range(n)]
    standard_error_s = ceiling_s / sqrt(12 * n)
    assert abs(sum(waits) / n - ceiling_s / 2) < 3 * standard_error_s, f"seed {seed}"
    assert 0 <= min(waits) < 0.01 * ceiling_s
    assert 0.99 * ceiling_s < max(waits) < ceiling_s


def test_without_jitter_the_wait_doubles_up_to_the_cap() -> None:
    waits = [backoff_s(RIGID, attempt(Outcome.TRANSIENT), tries=n, uniform=0.3) for n in range(1, 8)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_tries_on_this_route_count_and_not_the_attempt_s_number_in_the_call() -> None:
    # The first attempt on the fallback may be the call's fourth.
    fourth = structs.replace(attempt(Outcome.TRANSIENT), number=4)
    assert _after(replace(RIGID, attempts=3), fourth, tries=1) == Again(0.5)
    assert _after(replace(RIGID, attempts=3), fourth, tries=3) == Stop(StoppedBy.ATTEMPTS)


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
    assert backoff_s(RIGID, attempt(outcome), tries=1, uniform=0.0) == first_s


def test_the_least_wait_holds_under_any_jitter() -> None:
    config = replace(FULL, min_s=2.0)
    last = attempt(Outcome.THROTTLED)
    assert backoff_s(config, last, tries=2, uniform=0.0) == 2.0
    assert backoff_s(config, last, tries=2, uniform=0.5) == 2.0
    assert backoff_s(replace(config, min_s=0.25), last, tries=2, uniform=0.5) == 1.0


def test_the_jitter_comes_on_top_of_retry_after_and_clears_its_floor() -> None:
    last = attempt(Outcome.THROTTLED, retry_after_s=7.0)
    assert backoff_s(FULL, last, tries=2, uniform=0.0) == 7.0 + FLOOR_MARGIN_S
    assert backoff_s(FULL, last, tries=2, uniform=0.5) == pytest.approx(7.0 + 0.002 + 1.0)


def test_retry_after_of_zero_is_a_floor_of_zero() -> None:
    last = attempt(Outcome.THROTTLED, retry_after_s=0.0)
    assert backoff_s(FULL, last, tries=1, uniform=0.0) == FLOOR_MARGIN_S


def test_the_api_s_hints_may_be_ignored() -> None:
    config = replace(FULL, hints=False)
    assert backoff_s(config, attempt(Outcome.THROTTLED, retry_after_s=7.0), tries=1, uniform=0.5) == 0.5


@given(
    tries=st.integers(1, 40),
    uniform=st.floats(0, 1, exclude_max=True),
    retry_after_s=st.none() | st.floats(0, 1e6),
    base_s=st.floats(0, 5),
    span_s=st.floats(0, 50),
    min_s=st.floats(0, 5),
)
@settings(deadline=None)
def test_a_wait_stays_between_its_floor_and_its_cap(
    tries: int, uniform: float, retry_after_s: float | None, base_s: float, span_s: float, min_s: float
) -> None:
    config = RetryConfig(base_s=base_s, throttle_base_s=base_s, min_s=min_s, cap_s=min_s + span_s)
    last = attempt(Outcome.THROTTLED, retry_after_s=retry_after_s)
    wait_s = backoff_s(config, last, tries=tries, uniform=uniform)
    hint_s = retry_after_s or 0.0
    assert wait_s >= hint_s + min_s
    assert wait_s <= (hint_s + config.cap_s + FLOOR_MARGIN_S) * (1 + 1e-12)


def test_the_thousandth_retry_still_waits_the_cap() -> None:
    config = RetryConfig(attempts=5000, base_s=0.001, cap_s=0.01, jitter="none")
    assert backoff_s(config, attempt(Outcome.TRANSIENT), tries=2000, uniform=0.0) == 0.01


def test_the_articles_settings_wait_two_seconds_twice() -> None:
    # tenacity's wait_exponential(1, min=2, max=10) gives max(2, 2^0) and max(2, 2^1).
    last = attempt(Outcome.THROTTLED)
    assert [_wait_s(ARTICLE.retry, last, tries=n, uniform=0.9) for n in (1, 2)] == [2.0, 2.0]
    assert _after(ARTICLE.retry, last, tries=3) == Stop(StoppedBy.ATTEMPTS)


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
    assert _after(ARTICLE.retry, attempt(outcome, fault)) == (Again(2.0) if wanted else Stop(StoppedBy.FATAL))


def test_the_article_never_reads_x_should_retry() -> None:
    # Its code looks at the status alone.
    last = attempt(Outcome.THROTTLED, Fault.STATUS, status=429, should_retry=False)
    assert _after(ARTICLE.retry, last) == Again(2.0)


def test_a_success_stops_without_a_reason() -> None:
    assert _after(FULL, attempt(Outcome.OK, status=200), left_s=5.0) == Stop(None)


def test_the_last_attempt_is_the_last() -> None:
    assert _after(FULL, attempt(Outcome.TRANSIENT), tries=6) == Stop(StoppedBy.ATTEMPTS)
    assert isinstance(_after(FULL, attempt(Outcome.TRANSIENT), tries=5), Again)


def test_what_the_policy_does_not_retry_is_fatal() -> None:
    for outcome in (Outcome.FATAL, Outcome.LOCAL):
        assert _after(FULL, attempt(outcome)) == Stop(StoppedBy.FATAL)


def test_an_attempt_cut_by_the_deadline_is_not_repeated() -> None:
    for told in (None, True):
        last = attempt(Outcome.DEADLINE, should_retry=told)
        assert _after(FULL, last, left_s=0.0) == Stop(StoppedBy.DEADLINE)


def test_a_cancelled_attempt_is_the_user_s_end() -> None:
    assert _after(FULL, attempt(Outcome.CANCELLED, should_retry=True)) == Stop(StoppedBy.USER)


@pytest.mark.parametrize("told", [None, True])
def test_a_partial_reply_is_never_repeated(*, told: bool | None) -> None:
    last = attempt(Outcome.PARTIAL, Fault.STREAM, status=200, first_token_s=0.5, should_retry=told)
    assert _after(FULL, last) == Stop(StoppedBy.FATAL)
    assert _after(FULL, structs.replace(last, first_token_ns=None)) == Stop(StoppedBy.FATAL)


def test_what_the_caller_has_seen_a_part_of_is_never_repeated() -> None:
    seen = attempt(Outcome.TIMEOUT, Fault.IDLE_TIMEOUT, first_token_s=0.0, should_retry=True)
    assert _after(FULL, seen) == Stop(StoppedBy.FATAL)
    assert isinstance(_after(FULL, structs.replace(seen, first_token_ns=None)), Again)


def test_x_should_retry_false_is_obeyed() -> None:
    last = attempt(Outcome.THROTTLED, status=429, should_retry=False)
    assert _after(FULL, last) == Stop(StoppedBy.FATAL)


@pytest.mark.parametrize(
    ("outcome", "fault", "wanted"),
    [
        (Outcome.THROTTLED, Fault.STATUS, True),
        (Outcome.TRANSIENT, Fault.STATUS, True),  # not listed here, either
        (Outcome.FATAL, Fault.STATUS, True),
        (Outcome.FATAL, Fault.QUOTA, False),
    ],
)
def test_x_should_retry_true_is_obeyed_but_for_a_used_up_quota(
    outcome: Outcome, fault: Fault, *, wanted: bool
) -> None:
    config = replace(FULL, on=("throttled",))
    last = attempt(outcome, fault, should_retry=True)
    assert isinstance(_after(config, last), Again) == wanted
    assert _after(config, last, tries=6) == Stop(StoppedBy.ATTEMPTS if wanted else StoppedBy.FATAL)


def test_x_should_retry_true_means_nothing_without_hints() -> None:
    last = attempt(Outcome.FATAL, Fault.STATUS, should_retry=True)
    assert _after(replace(FULL, hints=False), last) == Stop(StoppedBy.FATAL)


def test_x_should_retry_true_changes_nothing_for_what_is_retried_anyway() -> None:
    last = attempt(Outcome.THROTTLED, status=429, should_retry=True)
    assert _wait_s(FULL, last, uniform=0.5) == 0.5


def test_a_wait_that_cannot_end_before_the_deadline_is_not_begun() -> None:
    last = attempt(Outcome.THROTTLED)  # the second wait is 2 s without jitter
    assert _after(RIGID, last, tries=2, left_s=2.0) == Stop(StoppedBy.DEADLINE)
    assert _after(RIGID, last, tries=2, left_s=1.0) == Stop(StoppedBy.DEADLINE)
    assert _after(RIGID, last, tries=2, left_s=2.001) == Again(2.0)


def test_a_retry_after_beyond_the_deadline_ends_the_call_at_once() -> None:
    last = attempt(Outcome.THROTTLED, retry_after_s=3600.0)
    assert _after(FULL, last, left_s=45.0) == Stop(StoppedBy.DEADLINE)


@pytest.mark.parametrize("most", [1, 2, 3, 6])
@pytest.mark.parametrize("failing", [0.1, 0.5, 0.9])
def test_attempts_a_call_follow_the_geometric_law(most: int, failing: float) -> None:
    seed, calls = 7, 20_000
    rng = Random(seed)
    config = replace(FULL, attempts=most)
    sent = []
    for _ in range(calls):
        for tries in count(1):
            outcome = Outcome.TRANSIENT if rng.random() < failing else Outcome.OK
            if isinstance(_after(config, attempt(outcome), tries=tries), Stop):
                sent.append(tries)
                break
    expected = (1 - failing**most) / (1 - failing)
    # E[n^2] = sum over k < N of (2k + 1) p^k, since an attempt k + 1 is made with probability p^k.
    variance = sum((2 * k + 1) * failing**k for k in range(most)) - expected**2
    assert abs(sum(sent) / calls - expected) <= 3 * sqrt(variance / calls), f"seed {seed}"

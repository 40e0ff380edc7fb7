"""The leaky bucket, against the provider's own example and by its laws."""

from hypothesis import given
from hypothesis import strategies as st

from mockserver.core.bucket import Bucket
from mockserver.core.limits import Exceeded, RateLimits, Reservation, Size
from mockserver.profile import Limits

S = 1_000_000


def test_the_documented_example_waits_exactly_3_89_seconds() -> None:
    # "Limit 30000, Used 28039, Requested 3906. Please try again in 3.89s."
    limits = RateLimits(Limits(tpm=30_000))
    assert isinstance(limits.take("k", "m", Size(28_039, 0), 0), Reservation)
    exceeded = limits.take("k", "m", Size(3_906, 0), 0)
    assert isinstance(exceeded, Exceeded)
    assert (exceeded.kind, exceeded.limit, exceeded.used, exceeded.requested) == (
        "tokens",
        30_000,
        28_039,
        3_906,
    )
    assert exceeded.wait_us == 3_890_000


def test_a_caller_who_waits_as_told_passes_and_a_microsecond_earlier_does_not() -> None:
    limits = RateLimits(Limits(tpm=30_000))
    limits.take("k", "m", Size(28_039, 0), 0)
    assert isinstance(limits.take("k", "m", Size(3_906, 0), 3_889_999), Exceeded)
    assert isinstance(limits.take("k", "m", Size(3_906, 0), 3_890_000), Reservation)


def test_a_refused_request_counts_against_the_requests_a_minute() -> None:
    limits = RateLimits(Limits(rpm=60, tpm=1_000))
    for _ in range(30):
        limits.take("k", "m", Size(1_000, 0), 0)  # the first passes, the others are too many tokens
    requests = limits.levels("k", "m", 0).requests
    assert requests is not None
    assert requests.remaining == 30
    assert requests.reset_us == 30 * S


def test_a_failed_request_counts_too() -> None:
    limits = RateLimits(Limits(rpm=60))
    limits.count_failed("k", "m", 0)
    requests = limits.levels("k", "m", 0).requests
    assert requests is not None
    assert requests.remaining == 59


def test_hammering_keeps_the_bucket_full_but_the_hint_is_kept_short() -> None:
    limits = RateLimits(Limits(rpm=60))
    for _ in range(60):
        assert isinstance(limits.take("k", "m", Size(0, 0), 0), Reservation)
    hints = [limits.take("k", "m", Size(0, 0), 0) for _ in range(100)]
    assert {hint.wait_us for hint in hints if hint is not None} == {1 * S}


def test_a_request_larger_than_the_limit_never_passes() -> None:
    exceeded = RateLimits(Limits(tpm=1_000)).take("k", "m", Size(1_001, 0), 0)
    assert isinstance(exceeded, Exceeded)
    assert exceeded.wait_us is None


def test_a_short_window_makes_a_small_bucket_that_still_takes_one_large_request() -> None:
    # 60,000 a minute in windows of 1 s: 1,000 at once.
    limits = RateLimits(Limits(tpm=60_000, window_s=1))
    assert isinstance(limits.take("k", "m", Size(900, 0), 0), Reservation)
    refused = limits.take("k", "m", Size(200, 0), 0)
    assert isinstance(refused, Exceeded)
    assert refused.wait_us == 100_000
    large = limits.take("k", "m", Size(5_000, 0), 0)
    assert isinstance(large, Exceeded)
    assert large.wait_us == 900_000  # when the bucket is empty
    assert isinstance(limits.take("k", "m", Size(5_000, 0), 900_000), Reservation)


def test_the_longer_of_two_waits_is_told() -> None:
    limits = RateLimits(Limits(rpm=1, tpm=1_000))
    limits.take("k", "m", Size(1_000, 0), 0)
    exceeded = limits.take("k", "m", Size(500, 0), 0)
    assert isinstance(exceeded, Exceeded)
    assert (exceeded.kind, exceeded.wait_us) == ("requests", 60 * S)  # the tokens would take 30 s


def test_keys_and_models_have_buckets_of_their_own() -> None:
    limits = RateLimits(Limits(rpm=1))
    assert isinstance(limits.take("k", "m", Size(0, 0), 0), Reservation)
    assert isinstance(limits.take("other", "m", Size(0, 0), 0), Reservation)
    assert isinstance(limits.take("k", "other", Size(0, 0), 0), Reservation)
    assert isinstance(limits.take("k", "m", Size(0, 0), 0), Exceeded)


def test_what_was_reserved_and_not_used_comes_back() -> None:
    limits = RateLimits(Limits(tpm=1_000))
    taken = limits.take("k", "m", Size(200, 800), 0)
    assert isinstance(taken, Reservation)
    taken.settle(0, 0)
    assert isinstance(limits.take("k", "m", Size(800, 0), 0), Reservation)


def test_without_limits_everything_passes_and_nothing_is_told() -> None:
    limits = RateLimits(Limits())
    assert all(isinstance(limits.take("k", "m", Size(10**9, 0), 0), Reservation) for _ in range(100))
    levels = limits.levels("k", "m", 0)
    assert (levels.requests, levels.tokens) == (None, None)


_STEPS = st.lists(st.tuples(st.integers(0, 5 * S), st.integers(1, 1_000)), max_size=60)


@given(_STEPS, st.sampled_from([1.0, 7.5, 60.0]))
def test_no_more_passes_than_the_bucket_and_its_rate_allow(
    steps: list[tuple[int, int]], window_s: float
) -> None:
    limits = RateLimits(Limits(tpm=1_000, window_s=window_s))
    now_us = admitted = largest = 0
    for pause_us, tokens in steps:
        now_us += pause_us
        if isinstance(limits.take("k", "m", Size(tokens, 0), now_us), Reservation):
            admitted += tokens
            largest = max(largest, tokens)
    size = max(1_000 * window_s / 60, largest)
    assert admitted <= size + 1_000 / 60 * now_us / S + 1e-6


@given(_STEPS, st.integers(1, 1_000))
def test_every_hint_is_exactly_sufficient(steps: list[tuple[int, int]], tokens: int) -> None:
    bucket = Bucket(1_000, 60, 0)
    now_us = 0
    for pause_us, amount in steps:
        now_us += pause_us
        bucket.add(amount, now_us)
    wait_us = bucket.wait_us(tokens, now_us)
    assert wait_us is not None
    if wait_us > 0:
        assert bucket.wait_us(tokens, now_us + wait_us - 1) == 1
    assert bucket.wait_us(tokens, now_us + wait_us) == 0

"""The provider's leaky bucket on this side: bounds, debts, corrections from headers, pauses."""

from collections import deque
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Fault, Level, Levels, Outcome
from harness.policy.config import RateConfig, RetryConfig
from harness.policy.rate import RateBucket, Reservation, is_shed
from harness.policy.retry import Again, decide
from tests.harness.policy.attempts import SECOND, attempt

QUIET = RateConfig(sync=False, pause=False)


def _bucket(
    *, rpm: int | None = None, tpm: int | None = None, burst_s: float = 60, sync: bool = True
) -> RateBucket:
    return RateBucket(RateConfig(rpm=rpm, tpm=tpm, burst_s=burst_s, sync=sync))


def _room(bucket: RateBucket, now_ns: int, tokens: int = 0) -> int:
    """How many requests of so many tokens go at once; it spends them."""
    sent = 0
    while bucket.wait_ns(tokens, now_ns) == 0:
        bucket.take(tokens, now_ns)
        sent += 1
        assert sent < 100_000, "no bound"
    return sent


def _requests(limit: int, remaining: int) -> Levels:
    return Levels(requests=Level(limit, remaining))


def test_without_a_limit_nothing_waits() -> None:
    bucket = RateBucket(QUIET)
    for now_ns in range(10_000):
        assert bucket.wait_ns(1_000_000, now_ns) == 0
        bucket.take(1_000_000, now_ns)
    assert not bucket.limits_tokens


def test_it_starts_full_and_refills_at_its_rate() -> None:
    bucket = _bucket(rpm=60, burst_s=10)  # one a second, ten at once
    assert _room(bucket, 0) == 10
    assert bucket.wait_ns(0, 0) == SECOND
    assert bucket.wait_ns(0, SECOND - 1) == 1
    assert _room(bucket, SECOND) == 1
    assert _room(bucket, 4 * SECOND) == 3
    assert _room(bucket, 1000 * SECOND) == 10


def test_tokens_are_limited_as_requests_are() -> None:
    bucket = _bucket(rpm=600, tpm=6000, burst_s=60)  # 100 tokens a second
    assert bucket.limits_tokens
    assert _room(bucket, 0, tokens=1000) == 6
    assert bucket.wait_ns(1000, 0) == 10 * SECOND
    assert bucket.wait_ns(250, 0) == round(2.5 * SECOND)


def test_the_scarcer_of_the_two_decides() -> None:
    bucket = _bucket(rpm=60, tpm=600, burst_s=60)
    bucket.take(600, 0)
    assert bucket.wait_ns(100, 0) == 10 * SECOND  # 59 requests are left
    few = _bucket(rpm=1, tpm=6000)
    few.take(1, 0)
    assert few.wait_ns(1, 0) == 60 * SECOND


def test_asking_about_a_later_instant_changes_nothing() -> None:
    bucket = _bucket(rpm=60)
    _room(bucket, 0)
    bucket.pause(30, 0)
    assert bucket.wait_ns(0, 3600 * SECOND) == 0
    assert bucket.wait_ns(0, 0) == 30 * SECOND
    assert bucket.wait_ns(0, 29 * SECOND) == SECOND


def test_a_clock_may_start_anywhere() -> None:
    bucket = _bucket(rpm=60)
    assert _room(bucket, 10**18) == 60
    assert bucket.wait_ns(0, 10**18) == SECOND


def test_a_request_larger_than_the_bucket_waits_for_a_full_one_and_goes_into_debt() -> None:
    bucket = _bucket(tpm=600, burst_s=10)  # a hundred at once, ten a second
    assert bucket.wait_ns(250, 0) == 0
    bucket.take(250, 0)
    assert bucket.wait_ns(1, 0) == round(15.1 * SECOND)  # 150 of debt, and the one
    assert bucket.wait_ns(250, 0) == 25 * SECOND


@given(
    rpm=st.none() | st.integers(1, 10_000),
    tpm=st.integers(1, 3_000_000),
    burst_s=st.sampled_from([0.5, 1, 7, 60, 300]),
    steps=st.lists(
        st.tuples(st.integers(0, 20 * SECOND), st.integers(0, 20_000), st.booleans()), min_size=1, max_size=60
    ),
)
@settings(deadline=None, max_examples=150)
def test_in_any_interval_no_more_goes_than_burst_and_rate_allow(
    rpm: int | None, tpm: int, burst_s: float, steps: list[tuple[int, int, bool]]
) -> None:
    bucket = _bucket(rpm=rpm, tpm=tpm, burst_s=burst_s)
    now_ns, sent = 7, []
    for gap_ns, tokens, patient in steps:
        now_ns += gap_ns
        wait_ns = bucket.wait_ns(tokens, now_ns)
        if wait_ns and not patient:
            continue
        if wait_ns:
            assert bucket.wait_ns(tokens, now_ns + wait_ns - 1) == 1
            now_ns += wait_ns
        assert bucket.wait_ns(tokens, now_ns) == 0
        bucket.take(tokens, now_ns)
        sent.append((now_ns, tokens))
    _check_bound([(at, 1) for at, _ in sent], rpm, burst_s)
    _check_bound(sent, tpm, burst_s)


def _check_bound(sent: list[tuple[int, int]], limit: int | None, burst_s: float) -> None:
    """Over every interval; only the last of it may be larger than the bucket."""
    if limit is None:
        return
    burst = Fraction(limit) * Fraction(burst_s) / 60
    for first in range(len(sent)):
        amount = 0
        for at_ns, taken in sent[first:]:
            amount += taken
            time_s = Fraction(at_ns - sent[first][0], SECOND)
            assert amount - max(0, taken - burst) <= burst + Fraction(limit, 60) * time_s


def test_a_steady_stream_gets_its_whole_rate() -> None:
    # 7 a minute is one in 8 571 428 571.4 ns: rounding must not add up.
    bucket = _bucket(rpm=7, burst_s=60)
    now_ns = sent = 0
    while now_ns <= 100_000 * 60 * SECOND and sent < 2000:
        now_ns += bucket.wait_ns(0, now_ns)
        bucket.take(0, now_ns)
        sent += 1
    assert now_ns == pytest.approx((2000 - 7) * 60 * SECOND / 7, abs=2)


def test_unused_tokens_come_back_and_overdrawn_ones_are_taken() -> None:
    bucket = _bucket(tpm=600)
    first, second = bucket.take(300, 0), bucket.take(300, 0)
    bucket.settle(first, 100, 0)
    assert bucket.wait_ns(200, 0) == 0
    assert bucket.wait_ns(201, 0) > 0
    bucket.settle(second, 400, 0)
    assert bucket.wait_ns(100, 0) == 0
    assert bucket.wait_ns(101, 0) > 0


def test_without_a_usage_what_was_estimated_stays_spent() -> None:
    bucket = _bucket(tpm=600)
    bucket.settle(bucket.take(600, 0), None, 0)
    assert bucket.wait_ns(600, 0) == 60 * SECOND


def test_a_request_that_was_never_sent_comes_back_whole() -> None:
    bucket = _bucket(rpm=2, tpm=600)
    bucket.take(100, 0)
    second = bucket.take(500, 0)
    assert bucket.wait_ns(500, 0) > 0
    bucket.refund(second, 0)
    assert bucket.wait_ns(500, 0) == 0
    assert _room(bucket, 0, tokens=250) == 1


def test_what_comes_back_fills_no_further_than_the_bucket() -> None:
    bucket = _bucket(rpm=60, tpm=600, burst_s=60)
    reservation = bucket.take(600, 0)
    bucket.refund(reservation, 3600 * SECOND)
    assert _room(bucket, 3600 * SECOND, tokens=10) == 60


@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 3 * SECOND),
            st.integers(1, 500),
            st.sampled_from(["take", "refund", "settle"]),
            st.floats(0, 1),
        ),
        max_size=80,
    )
)
@settings(deadline=None)
def test_net_of_what_came_back_the_bound_holds_in_any_interval(
    steps: list[tuple[int, int, str, float]],
) -> None:
    tpm, burst_s = 6000, 10.0
    bucket = _bucket(tpm=tpm, burst_s=burst_s)
    out: list[Reservation] = []
    moved, now_ns = [], 0
    for gap_ns, tokens, what, part in steps:
        now_ns += gap_ns
        if what == "take":
            if bucket.wait_ns(tokens, now_ns) == 0:
                out.append(bucket.take(tokens, now_ns))
                moved.append((now_ns, tokens))
        elif out:
            reservation = out.pop()
            used = round(reservation.tokens * part) if what == "settle" else 0
            if what == "settle":
                bucket.settle(reservation, used, now_ns)
            else:
                bucket.refund(reservation, now_ns)
            moved.append((now_ns, used - reservation.tokens))
    for first in range(len(moved)):
        net, since_ns = 0, moved[first][0]
        for at_ns, amount in moved[first:]:
            net += amount
            assert net <= tpm / 60 * (burst_s + (at_ns - since_ns) / SECOND) + 1e-6


def test_a_limit_that_is_not_set_is_the_api_s_and_starts_at_what_it_says_is_left() -> None:
    bucket = _bucket()
    reservation = bucket.take(0, 0)
    bucket.sync(reservation, Levels(requests=Level(100, 40), tokens=Level(6000, 1500)), 0)
    assert bucket.limits_tokens
    assert bucket.wait_ns(1500, 0) == 0
    assert bucket.wait_ns(1501, 0) > 0
    assert _room(bucket, 0) == 40
    assert bucket.wait_ns(0, 0) == 600_000_000  # a hundred a minute


def test_a_limit_learnt_late_knows_of_what_is_in_flight() -> None:
    bucket = _bucket()
    reservations = [bucket.take(0, 0) for _ in range(10)]
    bucket.sync(reservations[0], _requests(100, 99), 0)  # it was the first the API saw
    assert _room(bucket, 0) == 90


def test_replies_that_report_one_difference_correct_it_once_in_whatever_order() -> None:
    for order in permutations(range(5)):
        bucket = _bucket(rpm=100)
        reservations = [bucket.take(0, 0) for _ in range(5)]
        for turn, n in enumerate(order):
            # Somebody else had taken 30 before.
            bucket.sync(reservations[n], _requests(100, 100 - 30 - (n + 1)), 0)
            assert bucket.wait_ns(0, 0) == 0
            assert turn < 5
        assert _room(bucket, 0) == 100 - 30 - 5


def test_a_second_difference_is_corrected_on_top_of_the_first() -> None:
    bucket = _bucket(rpm=100)
    first, second = bucket.take(0, 0), bucket.take(0, 0)
    bucket.sync(first, _requests(100, 79), 0)  # 20 by others
    third = bucket.take(0, 0)
    bucket.sync(second, _requests(100, 68), 0)  # 10 more before the second came in
    bucket.sync(third, _requests(100, 67), 0)
    assert _room(bucket, 0) == 67


def test_a_level_that_is_too_low_is_raised() -> None:
    bucket = _bucket(tpm=6000)
    first = bucket.take(5000, 0)  # estimated much too high
    bucket.sync(first, Levels(tokens=Level(6000, 5500)), 0)
    assert bucket.wait_ns(5500, 0) == 0
    assert bucket.wait_ns(5501, 0) > 0


def test_a_correction_raises_no_further_than_full_and_is_not_made_again_later() -> None:
    bucket = _bucket(rpm=60)
    first, second = [bucket.take(0, 0) for _ in range(40)][-2:]
    bucket.sync(first, _requests(60, 59), 30 * SECOND)  # 30 of the 40 had come back anyway
    assert _room(bucket, 30 * SECOND) == 60
    bucket.sync(second, _requests(60, 58), 30 * SECOND)  # it was sent when the API's bucket was full, too
    assert bucket.wait_ns(0, 30 * SECOND) > 0


def test_a_correction_lowers_no_further_than_one_bucket_of_debt() -> None:
    bucket = _bucket(rpm=60)
    reservations = [bucket.take(0, 0) for _ in range(200)]
    bucket.sync(reservations[0], _requests(60, 0), 0)
    assert bucket.wait_ns(0, 0) == 61 * SECOND


def test_a_lower_limit_of_the_api_replaces_ours() -> None:
    bucket = _bucket(rpm=600)
    bucket.sync(bucket.take(0, 0), _requests(60, 59), 0)
    assert _room(bucket, 0) == 59
    assert bucket.wait_ns(0, 0) == SECOND


def test_a_higher_limit_of_the_api_leaves_ours_in_force() -> None:
    # A worker's share, or one product's part of an organisation's limit.
    bucket = _bucket(rpm=60)
    bucket.sync(bucket.take(0, 0), _requests(600, 599), 0)
    assert _room(bucket, 0) == 59
    assert bucket.wait_ns(0, 0) == SECOND


def test_under_a_lower_limit_of_ours_what_is_left_is_never_more_than_the_api_has() -> None:
    bucket = _bucket(rpm=60)
    bucket.sync(bucket.take(0, 0), _requests(600, 5), 0)
    assert _room(bucket, 0) == 5


def test_a_shorter_burst_of_ours_is_not_filled_up_by_the_api_s_longer_one() -> None:
    bucket = _bucket(burst_s=6)
    bucket.sync(bucket.take(0, 0), _requests(600, 599), 0)
    assert _room(bucket, 0) == 59
    last = bucket.take(0, SECOND)  # ten have come back
    bucket.sync(last, _requests(600, 549), SECOND)
    assert _room(bucket, SECOND) == 9


def test_the_api_may_change_its_limit() -> None:
    bucket = _bucket()
    first, second = bucket.take(0, 0), bucket.take(0, 0)
    bucket.sync(first, _requests(100, 99), 0)
    bucket.sync(second, _requests(200, 198), 0)
    assert _room(bucket, 0) == 198
    assert bucket.wait_ns(0, 0) == 300_000_000


def test_headers_without_a_limit_say_nothing() -> None:
    bucket = _bucket(rpm=60)
    bucket.sync(bucket.take(0, 0), Levels(), 0)
    bucket.sync(bucket.take(0, 0), _requests(0, 0), 0)
    assert _room(bucket, 0) == 58


def test_headers_are_not_followed_unless_the_policy_says_so() -> None:
    bucket = _bucket(rpm=60, sync=False)
    bucket.sync(bucket.take(0, 0), Levels(requests=Level(30, 0), tokens=Level(100, 0)), 0)
    assert _room(bucket, 0) == 59
    assert not bucket.limits_tokens


def test_tokens_that_were_not_estimated_are_not_settled() -> None:
    bucket = _bucket()
    early = bucket.take(0, 0)  # no token limit was known
    bucket.sync(early, Levels(tokens=Level(6000, 5000)), 0)
    bucket.settle(early, 800, 0)  # the headers have told of these
    assert bucket.wait_ns(5000, 0) == 0


def test_settle_and_sync_may_come_in_either_order() -> None:
    left = []
    for settle_first in (True, False):
        bucket = _bucket(tpm=6000)
        reservation = bucket.take(1000, 0)
        if settle_first:
            bucket.settle(reservation, 400, 0)
        bucket.sync(reservation, Levels(tokens=Level(6000, 4000)), 0)
        if not settle_first:
            bucket.settle(reservation, 400, 0)
        left.append(bucket.wait_ns(6000, 0))
    assert left == [14 * SECOND, 14 * SECOND]  # 1,000 by others and 400 of ours at 100 a second


@pytest.mark.parametrize("latency_s", [0.05, 0.3, 1.0])
def test_another_customer_on_the_same_limit_is_followed(latency_s: float) -> None:
    sent, refused = _waves(latency_s, sync=True)
    blind_sent, blind_refused = _waves(latency_s, sync=False)
    # A wave finds 200 left of 600, and 10 a second for 20 s more.
    for got in (sent - refused, blind_sent - blind_refused):
        assert got == pytest.approx(3 * 400, rel=0.02)
    assert refused <= 0.01 * sent
    assert blind_refused == pytest.approx(3 * 400, rel=0.02)  # what the other has taken


def _waves(latency_s: float, *, sync: bool) -> tuple[int, int]:
    """Ours sent and refused in three waves at a bucket of 600 a minute of which somebody else takes 400."""
    bucket = _bucket(rpm=600, sync=sync)
    used, sent, refused = 0.0, 0, 0  # of the API's bucket
    replies: deque[tuple[float, Reservation, int]] = deque()
    for tick in range(360 * 100):
        now_s, now_ns = tick / 100, tick * SECOND // 100
        used = max(0.0, used - 0.1)
        while replies and replies[0][0] <= now_s:
            _, reservation, remaining = replies.popleft()
            bucket.sync(reservation, _requests(600, remaining), now_ns)
        if now_s % 120 == 50:
            used += 400
        if 50 < now_s % 120 < 70 and bucket.wait_ns(0, now_ns) == 0:
            fits = used + 1 <= 600
            sent, refused, used = sent + 1, refused + (not fits), used + fits
            replies.append((now_s + latency_s, bucket.take(0, now_ns), int(600 - used)))
    return sent, refused


def test_a_pause_holds_everything_until_it_is_over() -> None:
    bucket = RateBucket(RateConfig())
    assert bucket.pause(2.5, 10 * SECOND)
    assert bucket.wait_ns(0, 10 * SECOND) == round(2.5 * SECOND)
    assert bucket.wait_ns(0, 12 * SECOND) == SECOND // 2
    assert bucket.wait_ns(0, round(12.5 * SECOND)) == 0


def test_the_later_end_of_two_pauses_wins() -> None:
    bucket = RateBucket(RateConfig())
    assert bucket.pause(5, 0)
    assert not bucket.pause(2, SECOND)
    assert not bucket.pause(4, SECOND)
    assert bucket.wait_ns(0, SECOND) == 4 * SECOND
    assert bucket.pause(4.5, SECOND)
    assert bucket.wait_ns(0, SECOND) == round(4.5 * SECOND)


def test_a_pause_of_nothing_is_none() -> None:
    bucket = RateBucket(RateConfig())
    assert not bucket.pause(0, 5)
    assert bucket.pause(1, 5)
    assert not bucket.pause(0, 2 * SECOND)


def test_a_pause_and_an_empty_bucket_are_waited_for_together() -> None:
    bucket = _bucket(rpm=60)
    _room(bucket, 0)
    bucket.pause(0.4, 0)
    assert bucket.wait_ns(0, 0) == SECOND
    bucket.pause(3, 0)
    assert bucket.wait_ns(0, 0) == 3 * SECOND


def test_no_pause_is_longer_than_the_longest() -> None:
    # One reply that says an hour does not stop the service for an hour.
    bucket = RateBucket(RateConfig())
    assert bucket.pause(3600, 0)
    assert bucket.wait_ns(0, 0) == 60 * SECOND
    assert bucket.wait_ns(0, 60 * SECOND) == 0
    assert not bucket.pause(7200, 0)  # no longer than what is known
    assert bucket.pause(3600, 10 * SECOND)  # a later one says so again
    assert bucket.wait_ns(0, 10 * SECOND) == 60 * SECOND


@given(seconds=st.floats(0, 1e9), longest_s=st.floats(0.001, 1e6))
@settings(deadline=None)
def test_a_pause_is_what_was_told_or_the_longest(seconds: float, longest_s: float) -> None:
    bucket = RateBucket(RateConfig(max_pause_s=longest_s))
    bucket.pause(seconds, 0)
    assert bucket.wait_ns(0, 0) == round(min(seconds, longest_s) * SECOND)


def test_the_call_that_met_a_long_retry_after_obeys_it_whatever_the_longest_pause() -> None:
    hour = attempt(Outcome.THROTTLED, Fault.STATUS, status=429, retry_after_s=3600)
    again = decide(RetryConfig(), hour, tries=1, uniform=0.0, left_s=None)
    assert isinstance(again, Again)
    assert again.wait_s > 3600


def test_pauses_are_ignored_unless_the_policy_says_so() -> None:
    bucket = RateBucket(RateConfig(pause=False))
    assert not bucket.pause(60, 0)
    assert bucket.wait_ns(0, 0) == 0


@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 2 * SECOND),
            st.sampled_from(["take", "sync", "pause", "settle", "refund"]),
            st.integers(0, 3000),
        ),
        max_size=60,
    )
)
@settings(deadline=None)
def test_after_exactly_the_wait_it_may_go_whatever_happened_before(steps: list[tuple[int, str, int]]) -> None:
    bucket = _bucket(rpm=300, burst_s=20)
    out: list[Reservation] = []
    now_ns = 0
    for gap_ns, what, amount in steps:
        now_ns += gap_ns
        if what == "take" or not out:
            out.append(bucket.take(amount, now_ns))
        elif what == "sync":
            levels = Levels(Level(amount // 3 + 1, amount // 5), Level(10 * amount + 1, 2 * amount))
            bucket.sync(out[amount % len(out)], levels, now_ns)
        elif what == "pause":
            bucket.pause(amount / 100, now_ns)
        elif what == "settle":
            bucket.settle(out.pop(), amount, now_ns)
        else:
            bucket.refund(out.pop(), now_ns)
        wait_ns = bucket.wait_ns(amount, now_ns)
        assert wait_ns >= 0
        assert wait_ns == 0 or bucket.wait_ns(amount, now_ns + wait_ns - 1) >= 1
        now_ns += wait_ns
        assert bucket.wait_ns(amount, now_ns) == 0


@pytest.mark.parametrize(
    ("requests", "tokens", "shed"),
    [
        (Level(1000, 999), Level(90_000, 80_000), True),
        (Level(1000, 999), None, True),
        (Level(1000, 100), Level(90_000, 9_000), True),
        (Level(1000, 99), Level(90_000, 80_000), False),  # hardly any requests left
        (Level(1000, 999), Level(90_000, 0), False),  # as a real one for tokens
        (None, Level(90_000, 8_999), False),
        (None, None, False),  # it does not say
    ],
)
def test_a_429_whose_headers_show_enough_left_sheds_load(
    requests: Level | None, tokens: Level | None, *, shed: bool
) -> None:
    assert is_shed(Levels(requests, tokens)) is shed
    assert is_shed(Levels(requests, None, tokens)) is shed
    assert is_shed(Levels(requests, None, None, tokens)) is shed
    assert not is_shed(None)

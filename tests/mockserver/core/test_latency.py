"""Latencies and lengths follow the profile's distributions."""

import math
import statistics

import pytest

from mockserver.core.latency import generation_us, reply_tokens, ttft_us
from mockserver.profile import InterToken, Length, Ttft

CALLS = 4_000


def _mixture_quantile(p: float) -> float:
    """The quantile in ms of 0.98 lognormal(720, 0.28) + 0.02 lognormal(2000, 0.40), by bisection."""

    def below(x: float) -> float:
        def phi(z: float) -> float:
            return (1 + math.erf(z / math.sqrt(2))) / 2

        return 0.98 * phi(math.log(x / 720) / 0.28) + 0.02 * phi(math.log(x / 2000) / 0.40)

    low, high = 1.0, 100_000.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < p else (low, middle)
    return low


def test_the_quantiles_of_the_first_token_are_of_the_mixture() -> None:
    draws_ms = sorted(ttft_us(Ttft(), 1, call, 1, 0) / 1000 for call in range(CALLS))
    assert draws_ms[CALLS // 2] == pytest.approx(_mixture_quantile(0.5), rel=0.02)
    assert draws_ms[int(CALLS * 0.95)] == pytest.approx(_mixture_quantile(0.95), rel=0.05)
    # The public pings the defaults were fitted to.
    assert _mixture_quantile(0.5) == pytest.approx(726, abs=3)


def test_a_prompt_adds_27_ms_for_a_thousand_tokens() -> None:
    bare = ttft_us(Ttft(), 1, 5, 1, 0)
    assert ttft_us(Ttft(), 1, 5, 1, 2_000) - bare == pytest.approx(54_000, abs=1)


def test_another_attempt_draws_another_first_token() -> None:
    assert ttft_us(Ttft(), 1, 5, 1, 0) != ttft_us(Ttft(), 1, 5, 2, 0)


def test_lengths_follow_the_trace() -> None:
    lengths = sorted(reply_tokens(Length(), 1, call) for call in range(CALLS))
    assert lengths[CALLS // 2] == pytest.approx(151, rel=0.06)
    # The 90 % quantile: 151 exp(1.2816 * 0.86) = 454.6
    assert lengths[int(CALLS * 0.9)] == pytest.approx(454.6, rel=0.08)
    assert lengths[0] >= 1


def test_a_wanted_length_replaces_the_draw() -> None:
    assert reply_tokens(Length(), 1, 0, wanted=77) == 77


def test_a_reply_takes_its_tokens_times_the_mean_with_the_variation_of_a_mean() -> None:
    totals_ms = [generation_us(InterToken(), 1, call, 1, 100, 1.0) / 1000 for call in range(CALLS)]
    assert statistics.fmean(totals_ms) == pytest.approx(1400, rel=0.002)
    # 100 gaps of CV 0.15 have a sum of CV 0.015, 21 ms.
    assert statistics.stdev(totals_ms) == pytest.approx(21, rel=0.06)


def test_a_full_batch_stretches_the_same_draw() -> None:
    assert generation_us(InterToken(), 1, 9, 1, 50, 1.5) == pytest.approx(
        1.5 * generation_us(InterToken(), 1, 9, 1, 50, 1.0), abs=1
    )


def test_nothing_takes_no_time() -> None:
    assert ttft_us(Ttft(median_ms=0, slow_median_ms=0), 1, 1, 1, 0) == 0
    assert generation_us(InterToken(mean_ms=0, cv=0), 1, 1, 1, 10, 1.0) == 0

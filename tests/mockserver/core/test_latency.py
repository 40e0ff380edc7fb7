"""Latencies and lengths follow the profile's distributions."""

import math

import pytest

from mockserver.core.draws import uniform
from mockserver.core.latency import reply_tokens, ttft_us
from mockserver.profile import Length, Ttft
from tests.mockserver.core.kolmogorov import assert_drawn_from, lognormal_cdf

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


def test_nothing_takes_no_time() -> None:
    assert ttft_us(Ttft(median_ms=0, slow_median_ms=0), 1, 1, 1, 0) == 0


def test_the_time_to_first_token_follows_its_mixture() -> None:
    ttft = Ttft(per_1k_prompt_ms=0)
    drawn_ms = [ttft_us(ttft, 1, call, 1, 100) / 1000 for call in range(20_000)]
    assert_drawn_from(
        drawn_ms, lambda x: 0.98 * lognormal_cdf(x, 720, 0.28) + 0.02 * lognormal_cdf(x, 2000, 0.40)
    )


def test_a_prompt_adds_its_share_to_the_same_draw() -> None:
    slope_us = {
        ttft_us(Ttft(), 1, call, 1, 3_000) - ttft_us(Ttft(), 1, call, 1, 1_000) for call in range(2_000)
    }
    assert slope_us == {2 * 27_000}


def test_lengths_are_lognormal_rounded_to_tokens() -> None:
    """A draw added in (-1/2, 1/2) undoes the rounding, closely enough."""
    lengths = [reply_tokens(Length(), 1, call) + uniform(2, "blur", call) - 0.5 for call in range(20_000)]
    assert_drawn_from(lengths, lambda x: lognormal_cdf(x, 151, 0.86))

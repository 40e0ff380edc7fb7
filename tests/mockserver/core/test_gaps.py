"""The gaps between tokens: their law, one by one and in sum."""

import math
import statistics
from itertools import pairwise

import numpy as np
import pytest

from mockserver.core.gaps import TABLE_SIZE, Gaps, draw_gaps, multipliers
from mockserver.profile import InterToken
from tests.mockserver.core.kolmogorov import assert_drawn_from, lognormal_cdf

CALLS = 4_000


@pytest.mark.parametrize("cv", [0.15, 0.6, 1.0])
def test_a_gap_is_lognormal_with_the_mean_and_variation_of_the_profile(cv: float) -> None:
    """One gap from the middle of each of 20,000 replies."""
    drawn = [draw_gaps(InterToken(14.0, cv), 1, call, 1, 1.0) for call in range(20_000)]
    gaps_ms = [(item.sum_us(8) - item.sum_us(7)) / 1000 for item in drawn]
    sigma = math.sqrt(math.log(1 + cv * cv))
    assert_drawn_from(gaps_ms, lambda x: lognormal_cdf(x, 14.0 / math.sqrt(1 + cv * cv), sigma))


def test_the_gaps_of_one_reply_are_lognormal_and_do_not_follow_each_other() -> None:
    gaps = draw_gaps(InterToken(14.0, 0.15), 1, 3, 1, 1.0)
    ends = [gaps.sum_us(index) for index in range(10_001)]
    lengths = np.diff(np.array(ends))
    sigma = math.sqrt(math.log(1 + 0.15**2))
    assert_drawn_from(lengths / 1000, lambda x: lognormal_cdf(x, 14.0 / math.sqrt(1 + 0.15**2), sigma))
    # Of 10,000 independent gaps: the correlation of neighbours has a standard error of 0.01.
    assert abs(np.corrcoef(lengths[:-1], lengths[1:])[0, 1]) < 0.04


def test_a_reply_takes_its_tokens_times_the_mean_with_the_variation_of_a_mean() -> None:
    totals_ms = [draw_gaps(InterToken(), 1, call, 1, 1.0).sum_us(100) / 1000 for call in range(CALLS)]
    assert statistics.fmean(totals_ms) == pytest.approx(1400, rel=0.002)
    # 100 gaps of CV 0.15 have a sum of CV 0.015, 21 ms.
    assert statistics.stdev(totals_ms) == pytest.approx(21, rel=0.06)


def test_a_full_batch_stretches_the_same_draw() -> None:
    usual, full = (draw_gaps(InterToken(), 1, 9, 1, stretch) for stretch in (1.0, 1.5))
    assert full.sum_us(50) == pytest.approx(1.5 * usual.sum_us(50), abs=1)


def test_attempts_and_calls_have_gaps_of_their_own_the_same_every_time() -> None:
    draws = {
        (call, attempt): draw_gaps(InterToken(), 1, call, attempt, 1.0).offset
        for call in range(50)
        for attempt in (1, 2)
    }
    assert len(set(draws.values())) > 90
    assert draws[7, 2] == draw_gaps(InterToken(), 1, 7, 2, 1.0).offset


def test_without_variation_all_gaps_are_equal_and_nothing_is_drawn() -> None:
    assert draw_gaps(InterToken(14.0, 0.0), 1, 1, 1, 2.0) == Gaps(28_000.0, 0, ())
    assert draw_gaps(InterToken(0.0, 0.15), 1, 1, 1, 1.0).sum_us(10) == 0


def test_a_reply_longer_than_the_table_goes_round() -> None:
    gaps = Gaps(1000.0, TABLE_SIZE - 2, multipliers(0.15))
    once = gaps.sum_us(TABLE_SIZE)
    assert once == 1000 * TABLE_SIZE
    assert gaps.sum_us(TABLE_SIZE + 5) - once == pytest.approx(gaps.sum_us(5), abs=1)


def test_the_table_has_the_mean_one() -> None:
    prefix = multipliers(0.7)
    assert prefix[0] == 0
    assert len(prefix) == TABLE_SIZE
    assert all(later > earlier for earlier, later in pairwise(prefix))

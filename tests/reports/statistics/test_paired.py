"""The change over pairs, worked out by hand, and its interval held against samples whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.paired import FEWEST_PAIRS, change, log_ratios, of_log_ratios


def test_the_change_is_the_median_of_the_log_ratios() -> None:
    found = change([100, 100, 100], [110, 90, 200])

    assert found.pairs == 3
    assert found.log_ratio == pytest.approx(math.log(1.1))


def test_fewer_than_six_pairs_have_no_interval() -> None:
    few, enough = change([1] * 5, [2] * 5), change([1] * 6, [2] * 6)

    assert few.log_ratio == pytest.approx(math.log(2))
    assert math.isnan(few.low)
    assert math.isnan(few.high)
    assert (enough.low, enough.high) == pytest.approx((math.log(2), math.log(2)))


def test_no_pairs_say_nothing() -> None:
    assert math.isnan(change([], []).log_ratio)


def test_six_pairs_are_bounded_a_little_within_their_least_and_greatest() -> None:
    found = of_log_ratios([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])

    # 1st to 6th: 1 - 2 / 64 = 96.875 %; 2nd to 5th: 1 - 14 / 64 = 78.125 %. I = 1.875 / 18.75 = 0.1, and the
    # share (6 - 1) 0.1 / (1 + 4 * 0.1) = 0.5 / 1.4.
    assert (found.low, found.high) == pytest.approx((1 + 0.5 / 1.4, 6 - 0.5 / 1.4))


@pytest.mark.parametrize("n", [6, 7, 8, 9, 10, 15, 40])
@pytest.mark.parametrize("law", ["normal", "laplace", "exponential"])
def test_the_interval_holds_the_truth_in_about_95_percent(n: int, law: str) -> None:
    draw = np.random.default_rng(n)
    samples = {
        "normal": lambda size: draw.normal(0, 1, size),
        "laplace": lambda size: draw.laplace(0, 1, size),
        "exponential": lambda size: draw.exponential(1, size) - math.log(2),
    }[law]((2000, n))
    held = np.mean([found.low <= 0 <= found.high for found in map(of_log_ratios, samples.tolist())])

    assert 0.93 <= held <= 0.97  # chance: 0.5 % each way


@pytest.mark.parametrize(
    ("base", "new", "ratio"),
    [
        (0, 0, 0.0),
        (math.inf, math.inf, 0.0),
        (0, 5, math.inf),
        (5, math.inf, math.inf),
        (0, math.inf, math.inf),
        (5, 0, -math.inf),
        (math.inf, 5, -math.inf),
        (math.inf, 0, -math.inf),
    ],
)
def test_zeros_and_infinities_are_told_apart(base: float, new: float, ratio: float) -> None:
    assert log_ratios([base], [new]) == [ratio]


def test_a_pair_without_a_figure_is_left_out() -> None:
    assert log_ratios([1, math.nan, 1], [1, 2, math.nan]) == [0.0]


def test_opposite_infinities_widen_the_interval_and_cancel_in_the_middle() -> None:
    found = of_log_ratios([-math.inf] * 4 + [math.inf] * 4)

    assert (found.log_ratio, found.low, found.high) == (0.0, -math.inf, math.inf)


def test_negative_figures_and_unlike_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        change([-1], [1])
    with pytest.raises(ValueError, match="shorter"):
        change([1, 2], [1])


@given(st.lists(st.floats(0.01, 100), min_size=FEWEST_PAIRS, max_size=40), st.floats(0.1, 10))
def test_the_interval_holds_the_median_and_scales_with_the_figures(new: list[float], factor: float) -> None:
    plain = change([1.0] * len(new), new)
    scaled = change([1.0] * len(new), [factor * figure for figure in new])

    assert plain.low <= plain.log_ratio <= plain.high
    assert scaled.low == pytest.approx(plain.low + math.log(factor), abs=1e-9)

"""Intervals over runs, on samples small enough to be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.reading.run import Floats
from reports.statistics import interval as intervals
from reports.statistics.interval import Estimate, Sample, estimate, interval


def counted(*beyond: tuple[int, int]) -> Sample:
    """A run a pair: so many samples of 1, of all that there are, the others 0."""
    return Sample([np.array([0.0] * (n - k) + [1.0] * k) for k, n in beyond])


def steady(seed: int, runs: int = 8, calls: int = 1000) -> list[Floats]:
    rng = np.random.default_rng(seed)
    return [rng.lognormal(5, 0.6, calls) for _ in range(runs)]


@pytest.mark.parametrize(
    ("q", "far"),
    [
        # p = 6 / 40 = 0.15, s = sqrt(4 * 0.25 / 12) / 10 = 0.0289, t of three degrees 3.182:
        # |logit 0.15 - logit (1 - q)| against 3.182 * 0.0289 / (0.15 * 0.85) = 0.7204.
        (0.80, False),  # |-1.7346 + 1.3863| = 0.3483
        (0.71, True),  # |-1.7346 + 0.8954| = 0.8392
        (0.91, False),  # |-1.7346 + 2.3136| = 0.5790
        (0.93, True),  # |-1.7346 + 2.5867| = 0.8521
    ],
)
def test_shares_are_held_against_their_spread_over_runs(q: float, *, far: bool) -> None:
    assert intervals._contradicts(counted((1, 10), (2, 10), (1, 10), (2, 10)), 0.0, q) is far


@pytest.mark.parametrize(
    ("q", "far"),
    [
        # p = 9 / 60 = 0.15; k - p n = -0.5, 0, 0.5; s = sqrt(0.5 / 6) / 20 = 0.01443, t of two degrees 4.303:
        # the bound is 4.303 * 0.01443 / 0.1275 = 0.4871.
        (0.79, False),  # |-1.7346 + 1.3249| = 0.4097
        (0.77, True),  # |-1.7346 + 1.2083| = 0.5263
    ],
)
def test_runs_of_unlike_sizes_weigh_by_their_calls(q: float, *, far: bool) -> None:
    assert intervals._contradicts(counted((1, 10), (3, 20), (5, 30)), 0.0, q) is far


def test_a_share_of_none_or_of_all_is_never_the_quantile_s() -> None:
    assert intervals._contradicts(counted((0, 10), (0, 10)), 0.0, 0.5)
    assert intervals._contradicts(counted((10, 10), (10, 10)), 0.5, 0.5)


@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.9, 0.95]))
@settings(max_examples=40, deadline=None)
def test_the_ends_are_found_as_by_trying_every_sample(seed: int, q: float) -> None:
    sample = Sample(steady(seed, runs=6, calls=60))
    low, high = interval(sample, q)
    pooled = sample.pooled
    start = int(len(pooled) * q)
    first = start
    while first > 0 and not intervals._contradicts(sample, pooled[first - 1], q):
        first -= 1
    last = start
    while last + 1 < len(pooled) and not intervals._contradicts(sample, pooled[last + 1], q):
        last += 1
    # Bisection may stop at another edge where acceptance has a hole; the edge it stops at is one.
    assert low <= np.quantile(pooled, q) <= high
    assert low <= pooled[start] <= high
    assert low == pooled[first] or intervals._contradicts(sample, _before(pooled, low), q)
    assert high == pooled[min(last + 1, len(pooled) - 1)] or intervals._contradicts(sample, high, q)


def _before(pooled: Floats, x: float) -> float:
    return float(pooled[max(0, int(np.searchsorted(pooled, x)) - 1)])


@given(st.permutations(range(8)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_runs_does_not_matter(order: list[int]) -> None:
    runs = steady(1)
    assert estimate(Sample([runs[i] for i in order]), "p95") == estimate(Sample(runs), "p95")


@given(st.sampled_from([0.125, 0.5, 4.0, 1024.0]), st.sampled_from(["p50", "p95", "p99"]))
@settings(deadline=None)
def test_a_change_of_unit_changes_the_unit(factor: float, name: str) -> None:
    plain, scaled = estimate(Sample(steady(2)), name), estimate(Sample([factor * r for r in steady(2)]), name)
    assert plain.value is not None
    assert plain.low is not None
    assert plain.high is not None
    assert scaled.value == pytest.approx(factor * plain.value)
    assert (scaled.low, scaled.high) == (factor * plain.low, factor * plain.high)


def test_what_is_slower_than_the_interval_may_be_infinite() -> None:
    runs = steady(3)
    plain = estimate(Sample(runs), "p95")
    assert plain.high is not None
    failed = [np.where(run > plain.high, math.inf, run) for run in runs]
    assert estimate(Sample(failed), "p95") == plain


def test_an_interval_may_reach_into_the_failures() -> None:
    rng = np.random.default_rng(4)
    # 4.5 % fail on average: the p95 is below them, and may not be.
    runs = [np.where(rng.random(1000) < 0.045, math.inf, run) for run in steady(4)]
    found = estimate(Sample(runs), "p95")
    assert found.value is not None
    assert found.low is not None
    assert found.low < found.value < math.inf
    assert found.high == math.inf


def test_a_quantile_among_the_failures_is_infinite() -> None:
    rng = np.random.default_rng(5)
    runs = [np.where(rng.random(1000) < 0.4, math.inf, run) for run in steady(5)]
    found = estimate(Sample(runs), "p95")
    assert (found.value, found.low, found.high, found.why) == (math.inf, math.inf, math.inf, "")


def test_five_runs_are_too_few() -> None:
    found = estimate(Sample(steady(6, runs=5)), "p50")
    assert (found.low, found.high) == (None, None)
    assert found.value == np.quantile(np.concatenate(steady(6, runs=5)), 0.5)
    assert found.why == "5 runs: an interval needs 6"
    assert estimate(Sample(steady(6, runs=1)), "p50").why.startswith("1 run:")


def test_a_run_twice_is_one_run() -> None:
    runs = steady(7)
    assert estimate(Sample([*runs, runs[0]]), "p50").why == (
        "two of the runs are the same, call by call: they count once"
    )


def slow_once(*slow: int) -> Sample:
    """Runs of 100 calls, each slow once: so many calls of it."""
    return Sample(
        [np.concatenate((np.full(100 - k, 1.0 + i / 100), np.full(k, 9.0))) for i, k in enumerate(slow)]
    )


def test_latencies_that_hardly_swing_carry_no_quantile() -> None:
    # Eight swings, where the p50 needs ten. The slow halves differ: standard error 11.95 of 50.
    uneven = slow_once(10, 20, 90, 20, 90, 90, 10, 70)
    assert estimate(uneven, "p50").why == (
        "latency swung from low to high 8 times, runs differ: p50 needs 10"
    )


def test_runs_that_are_all_alike_need_no_swings() -> None:
    # As seldom, but standard error 1.63 of 50.
    found = estimate(slow_once(45, 55, 45, 55, 50, 50, 55, 45), "p50")
    assert found.why == ""
    assert found.low is not None


def test_a_tail_of_few_runs_is_none_of_all() -> None:
    runs = steady(8)
    for run in runs[:5]:
        run[500:700] += 1e6
    assert estimate(Sample(runs), "p95").why == "5 of 8 runs reach the p95: 6 must"
    assert estimate(Sample(runs), "p50").why == ""


def test_too_few_calls_have_no_quantile_at_all() -> None:
    assert estimate(Sample(steady(9, calls=20)), "p95") == Estimate(
        None, None, None, "160 calls: p95 needs 200"
    )
    assert estimate(Sample([]), "p50") == Estimate(None, None, None, "0 calls: p50 needs 20")


def test_a_run_without_a_call_weighs_nothing() -> None:
    runs = steady(10)
    with_empty = estimate(Sample([*runs, np.empty(0)]), "p95")
    assert with_empty.value == estimate(Sample(runs), "p95").value
    assert with_empty.low is not None


def test_batches_swing_as_the_one_series_they_are() -> None:
    series = np.array([1.0] * 30 + [9.0] * 30)
    parts = np.array_split(series, 6)
    assert Sample(parts).swings == 3  # each of the last three starts high
    assert Sample(parts, joined=True).swings == 1

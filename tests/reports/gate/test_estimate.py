"""Changes over pairs and against a spread, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reports.gate.estimate import estimate, noise, predicted
from reports.gate.metrics import METRICS

P95, GOODPUT, FAILED = METRICS["call_latency.p95"], METRICS["request_goodput"], METRICS["failed_share"]


def test_six_pairs_of_a_seed_are_paired() -> None:
    base = {seed: [100.0 * seed] for seed in range(1, 7)}
    new = {seed: [110.0 * seed] for seed in range(1, 7)}
    found = estimate(P95, base, new)

    assert found is not None
    assert found.way == "6 pairs"
    assert (found.worse.change, found.worse.low) == pytest.approx((math.log(1.1), math.log(1.1)))
    assert found.worse.difference == pytest.approx(35)  # the median of 10 to 60


def test_pairs_that_went_to_failures_and_back_differ_by_nothing_one_could_name() -> None:
    base = {seed: [math.inf if seed < 3 else 100.0] for seed in range(6)}
    new = {seed: [100.0 if seed < 3 else math.inf] for seed in range(6)}
    found = estimate(P95, base, new)

    assert found is not None
    assert (found.worse.difference, found.worse.low, found.worse.high) == (0, -math.inf, math.inf)


def test_less_goodput_is_worse() -> None:
    base, new = {seed: [10.0] for seed in range(6)}, {seed: [8.0] for seed in range(6)}
    found = estimate(GOODPUT, base, new)

    assert found is not None
    assert found.worse.change == pytest.approx(math.log(10 / 8))
    assert found.worse.difference == 2


def test_shares_of_failures_are_taken_as_differences_and_may_be_zero() -> None:
    found = estimate(FAILED, {seed: [0.0] for seed in range(6)}, {seed: [0.03] for seed in range(6)})

    assert found is not None
    assert (found.worse.low, found.worse.high) == pytest.approx((0.03, 0.03))


def test_runs_without_a_partner_are_no_pair() -> None:
    found = estimate(P95, {1: [1.0, 1.0, 1.0], 2: [1.0] * 4}, {1: [1.0], 2: [1.0]})

    assert found is not None
    assert found.way == "spread of 7 runs"


def test_a_run_is_held_against_the_spread_of_its_seed() -> None:
    logs = [0.00, 0.02, -0.02, 0.01, -0.01, 0.00]  # mean 0, s^2 = 0.001 / 5
    found = estimate(P95, {1: [100 * math.exp(x) for x in logs]}, {1: [105.0]})

    assert found is not None
    assert found.way == "spread of 6 runs"
    half = 2.571 * math.sqrt(0.001 / 5) * math.sqrt(1 + 1 / 6)  # t of 5 degrees of freedom
    assert found.worse.change == pytest.approx(math.log(1.05))
    assert found.worse.low == pytest.approx(math.log(1.05) - half)
    assert found.worse.high == pytest.approx(math.log(1.05) + half)


def test_seeds_with_several_runs_each_share_their_spread() -> None:
    # Two seeds of four runs, residuals +-0.1: s^2 = 8 * 0.01 / 6. One run of each after, 0.2 above its mean.
    before = {1: [0.9, 1.1, 0.9, 1.1], 2: [4.9, 5.1, 4.9, 5.1]}
    change, low, high = predicted(before, {1: [1.2], 2: [5.2]})
    half = 2.447 * math.sqrt(0.08 / 6 * (1 / 2 + (1 / 4 + 1 / 4) / 4))

    assert (change, low, high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))


def test_the_difference_is_that_to_runs_of_the_same_seed() -> None:
    # Evenings of 100 and 1000 ms; the fresh run is of the first, a tenth slower: by 10 ms, not by -440.
    base = {1: [100.0, 101.0, 99.0, 100.0], 2: [1000.0, 1010.0, 990.0, 1000.0]}
    found = estimate(P95, base, {1: [110.0]})

    assert found is not None
    assert found.way == "spread of 8 runs"
    assert found.worse.difference == pytest.approx(10)
    assert found.worse.change == pytest.approx(math.log(1.1), abs=1e-3)


def test_the_difference_of_pairs_is_that_of_each() -> None:
    base = {1: [100.0], 2: [200.0], 3: [300.0], 4: [400.0], 5: [500.0], 6: [600.0]}
    new = {seed: [value + 30] for seed, (value,) in base.items()}
    found = estimate(P95, base, new)

    assert found is not None
    assert found.worse.difference == pytest.approx(30)


def test_an_infinite_run_of_another_seed_makes_nothing_sure() -> None:
    before = {1: [1.0, 1.0], 2: [math.inf, 5.0], 3: [4.0, 4.0, 4.0, 4.0]}

    assert all(map(math.isnan, predicted(before, {1: [2.0]})))


def test_a_spread_over_seeds_says_so_and_what_would_tell_more() -> None:
    found = estimate(P95, {seed: [100.0 + seed] for seed in range(6)}, {1: [101.0]})

    assert found is not None
    assert found.way == "spread of 6 seeds"
    assert "base it on one seed" in found.hint


def test_too_few_of_both_say_nothing() -> None:
    assert estimate(P95, {1: [1.0] * 5}, {1: [1.0] * 5}) is None


@pytest.mark.parametrize(
    ("before", "after", "bounds"),
    [
        ([math.inf] * 6, [math.inf], (0.0, 0.0)),
        ([1.0] * 6, [math.inf], (math.inf, math.inf)),
        ([math.inf] * 6, [1.0], (-math.inf, -math.inf)),
        ([1.0, math.inf] * 3, [1.0], None),
        ([1.0] * 6, [1.0, math.inf], None),
    ],
)
def test_infinite_values_have_no_spread(
    before: list[float], after: list[float], bounds: tuple[float, float] | None
) -> None:
    _, low, high = predicted({1: before}, {1: after})

    assert math.isnan(low) if bounds is None else (low, high) == bounds


def test_the_prediction_interval_holds_a_run_of_the_same_in_95_percent() -> None:
    draw = np.random.default_rng(3)
    held = 0
    for _ in range(2000):
        *before, after = draw.normal(0, 1, 9).tolist()
        _, low, high = predicted({1: before}, {1: [after]})
        held += low <= 0 <= high

    assert 0.935 <= held / 2000 <= 0.965


def test_the_noise_is_what_runs_of_one_side_and_seed_differ_by() -> None:
    sides = [{1: [100.0, 110.0], 2: [50.0]}, {1: [100.0, 100.0]}]
    found, pairs = noise(P95, sides)

    assert pairs == 2
    assert found == pytest.approx(0.95 * math.log(1.1))  # the 95th percentile of 0 and log 1.1
    assert noise(P95, [{1: [1.0], 2: [2.0]}]) == (0.0, 0)

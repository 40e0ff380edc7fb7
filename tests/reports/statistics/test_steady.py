import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.reading.run import Schedule
from reports.statistics import steady


@pytest.mark.parametrize(
    ("schedule", "changes"),
    [
        (Schedule(arrivals="poisson", curve=[(0, 10), (60, 10)]), False),
        (Schedule(arrivals="constant"), False),
        (Schedule(arrivals="closed"), False),
        (Schedule(arrivals="poisson", curve=[(0, 10), (60, 11)]), True),
        (Schedule(arrivals="gamma", curve=[(0, 0), (60, 10)]), True),
        (Schedule(arrivals="gamma", window="19:30-20:30", curve=[(0, 10), (60, 10)]), True),
    ],
)
def test_an_evening_is_never_steady_by_design(schedule: Schedule, *, changes: bool) -> None:
    assert steady.offered_changes(schedule) is changes


def test_a_failed_call_is_as_slow_as_the_slowest_ok_one() -> None:
    assert steady.tame(np.array([3.0, math.inf, 7.0])).tolist() == [3.0, 7.0, 7.0]


def test_the_drain_is_the_last_p99_and_at_most_a_tenth() -> None:
    latency = np.arange(101.0)  # p99 of 0, 1, ..., 100 is 99
    assert steady.drain(latency, 10_000) == 99
    assert steady.drain(latency[::-1], 500) == 50


def test_a_slow_start_is_cut_off() -> None:
    # Ten batches of five: two slow ones, then 9, 11, 9, 11, ...: from the third the error is least.
    series = np.concatenate((np.full(10, 100.0), np.repeat([9.0, 11.0] * 4, 5)))
    assert steady.warm_up(series) == 10


def test_a_run_that_is_steady_from_the_start_is_left_whole() -> None:
    assert steady.warm_up(np.repeat([9.0, 11.0] * 5, 5)) == 0
    assert steady.warm_up(np.array([1.0, 2.0])) == 0


def test_a_run_that_only_begins_to_settle_at_its_half_is_not_warm() -> None:
    assert steady.warm_up(np.concatenate((np.linspace(100, 1, 300), np.ones(100)))) is None


@given(st.lists(st.integers(1, 1000), min_size=20, max_size=120))
@settings(max_examples=60, deadline=None)
def test_the_cut_is_where_the_standard_error_of_the_rest_is_least(values: list[int]) -> None:
    series = np.array(values, dtype=float)
    means = [float(np.mean(values[i : i + 5])) for i in range(0, len(values) // 5 * 5, 5)]
    half = len(means) // 2
    errors = [np.var(means[d:]) / (len(means) - d) for d in range(half + 1)]
    found = steady.warm_up(series)
    at = half if found is None else found // 5
    assert errors[at] <= min(errors) + 1e-6


def test_resemblance_is_von_neumann_s_ratio() -> None:
    # 0 0 1 1: squares around the mean 1, of steps 1: ratio 1; standard deviation sqrt(4 * 2 / 15).
    assert steady.resemblance(np.array([0.0, 0, 1, 1])) == pytest.approx(-1 / math.sqrt(8 / 15))
    assert steady.resemblance(np.array([0.0, 1, 0, 1])) == pytest.approx(1 / math.sqrt(8 / 15))
    assert steady.resemblance(np.full(9, 0.1)) == 0


def test_runs_of_independent_calls_are_called_unsteady_once_in_a_hundred() -> None:
    rng = np.random.default_rng(3)
    found = [steady.wanders(np.exp(rng.normal(size=400))) != "" for _ in range(3000)]
    assert 0.004 < np.mean(found) < 0.014


def test_independent_values_are_called_alike_once_in_a_hundred() -> None:
    rng = np.random.default_rng(1)
    found = [steady.alike(rng.normal(size=steady.BATCHES)) for _ in range(5000)]
    assert 0.006 < np.mean(found) < 0.014


def test_what_drifts_or_breaks_is_not_steady() -> None:
    rng = np.random.default_rng(4)
    series = rng.lognormal(6, 0.5, 6000)
    assert steady.wanders(series) == ""
    drifting = series * np.linspace(1, 1.3, 6000)
    assert steady.wanders(drifting) == "latency rises over the run"
    assert steady.wanders(drifting[::-1]) == "latency falls over the run"
    broken = series.copy()
    broken[3000:3400] *= 4
    assert steady.wanders(broken) == "latency swings more slowly than 40 batches tell apart"


def test_a_trend_is_a_correlation_with_time() -> None:
    # Places -1, 0, 1 and values -1, 1, 0 around their mean: r = 1 / 2, times sqrt(2).
    assert steady.trend(np.array([1.0, 3, 2])) == pytest.approx(math.sqrt(2) / 2)
    assert steady.trend(np.array([3.0, 2, 1])) == pytest.approx(-math.sqrt(2))
    assert steady.trend(np.full(9, 0.1)) == 0


def test_too_few_calls_tell_nothing() -> None:
    assert steady.wanders(np.ones(199)) == "199 calls: 200 are needed to tell"
    assert steady.wanders(np.ones(200)) == ""

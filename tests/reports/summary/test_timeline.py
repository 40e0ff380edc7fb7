from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.figures.objectives import DEFAULT
from reports.reading.load import read_run
from reports.summary.timeline import bin_edges, binned, build, in_flight, places, rate, rolling


@given(window_s=st.floats(1e-6, 1e6), calls=st.integers(0, 10**6))
def test_bins_cover_the_window(window_s: float, calls: int) -> None:
    edges = bin_edges(window_s, calls)
    assert edges[0] == 0
    assert edges[-1] == window_s
    assert np.all(np.diff(edges) > 0)
    assert 1 <= len(edges) - 1 <= 73


def test_few_calls_make_few_bins() -> None:
    assert bin_edges(12.0, 12).tolist() == [float(n) for n in range(13)]
    assert len(bin_edges(180.0, 2700)) - 1 == 60  # three seconds each


def test_rates_are_a_second_and_the_last_bin_holds_its_end() -> None:
    edges = np.array([0.0, 2.0, 4.0])
    assert rate(places(np.array([0, 1, 2, 4]) * 10**9, edges), np.diff(edges)).tolist() == [1.0, 1.0]


def test_values_fall_into_the_bin_of_their_instant() -> None:
    at_ns = np.array([3, 0, -1, 2, 5, 4]) * 10**9
    bins = places(at_ns, np.array([0.0, 2.0, 4.0]))
    assert bins.tolist() == [1, 0, 2, 1, 2, 1]
    assert [b.tolist() for b in binned(at_ns / 1e9, bins, 2)] == [[0.0], [3.0, 2.0, 4.0]]


def test_an_interval_holds_its_start_but_not_its_end() -> None:
    starts, ends = np.array([0, 1_000_000_000]), np.array([2_000_000_000, 2_000_000_000])
    assert in_flight(starts, ends, np.array([0.0, 1.0, 1.9, 2.0])).tolist() == [1, 2, 2, 0]


def test_rolling_percentiles_see_as_many_calls_as_p95_asks_for() -> None:
    at_s = np.arange(1000.0)
    found = rolling(at_s, np.where(at_s < 500, 1.0, np.inf))
    assert found.calls == 200
    assert found.at_s[0] == 100.0
    assert found.p50[0] == 1.0
    assert found.p95[-1] == np.inf
    assert np.isnan(found.p99).all()  # 200 calls cannot tell it


def test_a_small_run_rolls_over_twenty_calls_for_its_median_only() -> None:
    found = rolling(np.arange(50.0), np.ones(50))
    assert found.calls == 20
    assert found.p50.tolist() == [1.0] * len(found.at_s)
    assert np.isnan(found.p95).all()


def test_too_few_calls_roll_over_nothing() -> None:
    assert len(rolling(np.arange(19.0), np.ones(19)).at_s) == 0


def test_series_of_the_paper_run(paper: Path) -> None:
    t = build(read_run(paper), DEFAULT)
    assert t.offered.tolist() == [1.0] * 12
    assert t.good.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1]
    assert t.ok.tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1]
    assert t.outcomes["rejected"].tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0]
    assert list(t.outcomes) == ["ok", "transient", "timeout", "deadline", "rejected"]
    assert t.sent.tolist() == [1, 1, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1]
    assert t.attempts_per_call.tolist() == [1, 1, 2, 1, 3, 3, 0, 0, 1, 1, 1, 1]
    assert np.nanmax(t.lag_max_ms) == 20.0
    assert [s.state for s in t.breakers[0]] == ["closed", "open", "half_open", "closed"]


def test_the_toil_runs_cpu_is_its_busiest_workers(toil: Path) -> None:
    t = build(read_run(toil), DEFAULT)
    assert len(t.cpu_max) == len(t.edges_s) - 1
    at_s = dict(zip(t.edges_s.tolist(), t.cpu_max.tolist(), strict=False))
    assert at_s[0.0] == pytest.approx(0.6)
    assert at_s[1.0] == pytest.approx(0.8)
    assert at_s[3.0] == pytest.approx(0.3)


def test_outcomes_add_up_to_what_was_offered(evenings: dict[str, Path]) -> None:
    t = build(read_run(evenings["article"]), DEFAULT)
    assert np.sum(list(t.outcomes.values()), axis=0) == pytest.approx(t.offered)
    assert np.all(t.good <= t.ok + 1e-9)
    assert np.all(t.requests_in_flight >= 0)

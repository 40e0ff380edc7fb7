"""Stretches in which something happens more."""

import numpy as np
import pytest

from reports.fit.bursts import BINS, find_burst


def _places(n: int) -> np.ndarray:
    return (np.arange(n) + 0.5) / n


def test_a_burst_is_found_where_it_was() -> None:
    rng = np.random.default_rng(1)
    places = _places(12_000)
    inside = (places >= 32 / 60) & (places < 36 / 60)
    events = rng.random(12_000) < np.where(inside, 0.6, 0.003)
    burst = find_burst(places, events, np.ones(12_000, dtype=np.bool_))
    assert burst is not None
    assert (burst.start, burst.end) == (pytest.approx(32 / 60), pytest.approx(36 / 60))
    assert burst.inside.sum() == inside.sum()


@pytest.mark.parametrize("seed", range(20))
def test_what_happens_evenly_is_no_burst(seed: int) -> None:
    rng = np.random.default_rng(seed)
    events = rng.random(8000) < 0.02
    assert find_burst(_places(8000), events, np.ones(8000, dtype=np.bool_)) is None


def test_more_of_it_where_there_was_more_traffic_is_no_burst() -> None:
    rng = np.random.default_rng(2)
    places = np.sort(np.concatenate((rng.random(2000), 0.5 + 0.1 * rng.random(10_000))))
    events = rng.random(12_000) < 0.02
    assert find_burst(places, events, np.ones(12_000, dtype=np.bool_)) is None


def test_a_stretch_begins_and_ends_with_an_event() -> None:
    places = _places(BINS * 10)
    among = (places < 0.4) | (places >= 0.5)  # nobody could meet it in between
    events = (places >= 0.5) & (places < 0.55)
    burst = find_burst(places, events, among)
    assert burst is not None
    assert (burst.start, burst.end) == (pytest.approx(0.5), pytest.approx(0.55))


def test_a_few_are_none() -> None:
    places = _places(1000)
    assert find_burst(places, places < 0.019, np.ones(1000, dtype=np.bool_)) is None

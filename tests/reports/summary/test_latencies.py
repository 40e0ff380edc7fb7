import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.summary.latencies import dots, drawn, latencies


def test_bounds_and_curves_are_of_every_call() -> None:
    latency_s = np.array([np.inf, 3.0, 1.0, 0.0, 2.0, np.inf])
    found = latencies(latency_s)
    assert (found.calls, found.failed, found.slowest_s) == (6, 2, 3.0)
    # Above zero there are 1, 2, 3: the 0.2 % quantile is 0.4 % of the way from 1 to 2.
    assert found.fastest_s == pytest.approx(1.004)
    assert found.ok.values_s[0] == 0.0
    assert found.ok.values_s.max() < 3.0
    assert math.isinf(found.every.values_s[-1])


def test_of_failures_alone_nothing_was_fast_or_slow() -> None:
    found = latencies(np.full(5, np.inf))
    assert (found.calls, found.failed, found.slowest_s, found.fastest_s) == (5, 5, 0.0, math.inf)
    assert len(found.ok.shares) == 0


def test_of_few_calls_each_has_its_dot() -> None:
    found = dots(np.array([0.0, 1.0, 2.0, 3.0]), np.array([5.0, np.inf, 7.0, 8.0]), most=3)
    assert (found.ok_due_s.tolist(), found.ok_took_s.tolist()) == ([0.0, 2.0, 3.0], [5.0, 7.0, 8.0])
    assert (found.failed_due_s.tolist(), found.ok, found.failed) == ([1.0], 3, 1)


def test_of_many_calls_some_are_drawn_and_it_is_known_of_how_many() -> None:
    due_s = np.arange(1000.0)
    found = dots(due_s, np.where(due_s % 10 == 0, np.inf, due_s), most=50)
    assert (len(found.ok_due_s), found.ok, len(found.failed_due_s), found.failed) == (50, 900, 50, 100)
    assert (found.ok_took_s == found.ok_due_s).all()
    assert (found.failed_due_s % 10 == 0).all()


@given(rows=st.integers(0, 5000), most=st.integers(1, 200))
def test_one_is_drawn_from_each_of_equal_stretches(rows: int, most: int) -> None:
    found = drawn(rows, most).tolist()
    assert found == drawn(rows, most).tolist()
    assert len(found) == min(rows, most)
    if rows <= most:
        assert found == list(range(rows))
    else:
        for number, row in enumerate(found):
            assert number * rows // most <= row < (number + 1) * rows // most

"""When a service is back after its trouble: hand-made courses of good and offered calls, in bins of 5 s."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.figures.recovery import BIN_S, Course

S = 1_000_000_000


def course(good: list[int], offered: int = 20, length_s: float | None = None) -> Course:
    """So many good calls in each bin, of as many offered in each."""
    made = Course(BIN_S * len(good) if length_s is None else length_s)
    for place, count in enumerate(good):
        at_ns = np.full(offered, round((place * BIN_S + 1) * S), dtype=np.int64)
        made.add(at_ns, np.arange(offered) < count)
    return made


def test_calls_are_counted_in_the_bin_they_were_due_in() -> None:
    made = Course(12.0)
    made.add(np.array([0, 4_999_999_999, 5 * S, 11 * S, 13 * S]), np.array([True, False, True, False, True]))
    assert made.offered.tolist() == [2, 1, 2]  # what is due at or after the end belongs to the last bin
    assert made.good.tolist() == [1, 1, 1]
    assert made.share().tolist() == [0.5, 1.0, 0.5]


def test_parts_of_a_run_add_up() -> None:
    whole, parts = Course(10.0), Course(10.0)
    at_ns, good = np.array([S, 2 * S, 6 * S, 7 * S]), np.array([True, False, True, True])
    whole.add(at_ns, good)
    for place in (slice(0, 1), slice(1, 1), slice(1, 4)):
        parts.add(at_ns[place], good[place])
    assert parts.offered.tolist() == whole.offered.tolist() == [2, 2]
    assert parts.good.tolist() == whole.good.tolist() == [1, 2]


@pytest.mark.parametrize(("length_s", "bins"), [(0.001, 1), (5.0, 1), (5.1, 2), (0.1 * 50, 1), (60.0, 12)])
def test_as_many_bins_as_the_length_begins(length_s: float, bins: int) -> None:
    assert len(Course(length_s).offered) == bins


def test_at_once_where_every_later_bin_is_good() -> None:
    assert course([20, 0, 0, 20, 20]).time_to_recover_s(15.0) == 0.0


def test_after_so_many_bins() -> None:
    # Trouble until 10 s; the bins 10-15 and 15-20 are still bad: back at 20 s.
    assert course([20, 0, 5, 18, 19, 20]).time_to_recover_s(10.0) == 10.0


def test_95_percent_is_good_enough() -> None:
    assert course([19, 19, 19]).time_to_recover_s(5.0) == 0.0
    assert course([18, 18, 19]).time_to_recover_s(5.0) == 5.0


def test_coming_back_for_a_while_is_not_coming_back() -> None:
    assert course([20, 0, 20, 20, 3, 20]).time_to_recover_s(5.0) == 20.0


def test_never_where_the_last_bin_is_bad() -> None:
    assert course([20, 0, 20, 20, 10]).time_to_recover_s(5.0) == math.inf


def test_a_bin_that_straddles_the_end_of_the_trouble_says_nothing() -> None:
    # Cleared at 7 s: the bin 5-10 has trouble in it. The bin 10-15 is bad: back at 15, 8 s after.
    assert course([20, 0, 20, 20]).time_to_recover_s(7.0) == 0.0
    assert course([20, 0, 10, 20]).time_to_recover_s(7.0) == 8.0


def test_a_bin_without_calls_says_nothing() -> None:
    made = Course(20.0)
    made.add(np.array([S, 16 * S]), np.array([False, True]))
    assert made.time_to_recover_s(0.0) == 5.0
    assert math.isnan(made.share()[1])


def test_nothing_offered_is_nothing_to_recover_from() -> None:
    assert Course(20.0).time_to_recover_s(3.0) == 0.0


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12), st.floats(0, 60))
def test_every_bin_from_the_recovery_on_is_good(good: list[int], cleared_s: float) -> None:
    made = course(good)
    found = made.time_to_recover_s(cleared_s)
    later = [i for i in range(len(good)) if i * BIN_S >= cleared_s]
    if math.isinf(found):
        assert later
        assert good[-1] < 19
        return
    assert found >= 0
    assert all(good[i] >= 19 for i in later if i * BIN_S >= cleared_s + found - 1e-6)
    if found:  # and not a bin sooner
        last = round((cleared_s + found) / BIN_S) - 1
        assert last in later
        assert good[last] < 19

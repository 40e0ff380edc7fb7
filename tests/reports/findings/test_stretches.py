"""When something was so, in words."""

from __future__ import annotations

import numpy as np
import pytest

from reports.findings.facts import worst
from reports.findings.stretches import OUTSIDE, Bins, bins_of, bridged, merged
from reports.reading.run import Clock

EVENING = Clock("ICT", "19:30", "20:30", 180.0)


def marks(length: int, *spans: tuple[int, int]) -> np.ndarray:
    found = np.zeros(length, dtype=bool)
    for first, last in spans:
        found[first:last] = True
    return found


def test_a_quiet_bin_between_two_does_not_part_them() -> None:
    marked = marks(10, (1, 3), (4, 5), (7, 9))
    assert merged(marked) == [(1, 5), (7, 9)]
    assert bridged(marked).tolist() == marks(10, (1, 5), (7, 9)).tolist()


def test_bins_of_an_evening_are_told_by_its_hours() -> None:
    bins = bins_of(180.0, 2700, EVENING)
    assert len(bins) == 60  # three seconds, a minute of the evening each
    assert bins.told(marks(60, (32, 36))) == "20:02–20:06"
    assert bins.told(marks(60, (2, 4), (32, 36))) == "19:32–19:34 and 20:02–20:06"


def test_beyond_two_the_longest_are_told_and_the_others_counted() -> None:
    bins = bins_of(180.0, 2700, EVENING)
    told = bins.told(marks(60, (2, 4), (10, 11), (20, 21), (32, 36)))
    assert told == "19:32–19:34, 20:02–20:06 and 2 more stretches"


def test_what_holds_nearly_always_is_throughout() -> None:
    bins = bins_of(180.0, 2700, EVENING)
    assert bins.told(marks(60, (0, 48))) == "throughout"
    assert bins.told(marks(60, (0, 47))) == "19:30–20:17"


def test_without_a_clock_it_is_seconds_of_the_run() -> None:
    assert Bins(np.arange(11.0), None).told(marks(10, (3, 5))) == "3–5 s"


def test_an_evening_past_midnight_goes_on_at_zero() -> None:
    bins = Bins(np.arange(0.0, 121.0, 10.0), Clock("ICT", "23:00", "01:00", 120.0))
    assert bins.told(marks(12, (5, 8))) == "23:50–00:20"


def test_minutes_that_a_bin_reaches_into_are_told_whole() -> None:
    bins = Bins(np.arange(0.0, 61.0, 1.0), Clock("ICT", "19:30", "20:00", 60.0))  # half a minute a bin
    assert bins.told(marks(60, (3, 4))) == "19:31–19:32"


def test_instants_fall_into_bins_and_the_last_holds_its_end() -> None:
    bins = Bins(np.array([0.0, 2.0, 4.0, 5.0]), None)
    at_ns = np.array([-1, 0, 1_999_999_999, 2_000_000_000, 4_500_000_000, 5_000_000_000, 5_000_000_001])
    assert bins.of(at_ns).tolist() == [OUTSIDE, 0, 0, 1, 2, 2, OUTSIDE]
    assert bins.count(bins.of(at_ns)).tolist() == [2, 1, 2]


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ([0, 8, 9, 0, 0, 0, 0, 0, 0, 0], (1, 3)),
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None),  # even
        ([9, 0, 0, 9, 0, 0, 9, 0, 0, 9], None),  # too many stretches to be a matter of time
        ([9, 9, 9, 9, 9, 9, 9, 9, 0, 0], None),  # nearly the whole run
        ([0, 3, 2, 2, 2, 2, 2, 2, 2, 2], None),  # no bin has twice the share of all
    ],
)
def test_the_worst_stretch_stands_out(lost: list[int], expected: tuple[int, int] | None) -> None:
    found = worst(np.array(lost), np.full(10, 10), 0.1)
    assert (None if found is None else merged(found)) == (expected and [expected])

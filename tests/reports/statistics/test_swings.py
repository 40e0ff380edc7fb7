import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.swings import swings


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ([1, 5, 1, 5], 2),
        ([5, 5, 1, 3, 3, 5], 2),  # at high from its start, and once more
        ([3, 3, 3], 0),  # between the two
        ([1, 3, 1, 3, 1], 0),  # never high
        ([1, 3, 5, 3, 5, 3, 1], 1),  # never low between its two fives
        ([1, np.inf, 0, np.inf], 2),
        ([], 0),
    ],
)
def test_swings_are_counted_from_low_to_high(series: list[float], expected: int) -> None:
    assert swings(np.array(series, dtype=float), 1, 5) == expected


def test_a_series_of_one_value_does_not_swing_to_and_fro() -> None:
    assert swings(np.full(9, 2.0), 2.0, 2.0) == 1


@given(st.lists(st.integers(0, 9), max_size=60))
def test_they_are_those_of_a_machine_of_two_states(values: list[int]) -> None:
    high, found = False, 0
    for value in values:
        if value >= 7 and not high:
            high, found = True, found + 1
        elif value <= 2:
            high = False
    assert swings(np.array(values, dtype=float), 2, 7) == found

"""The front: nobody on it is beaten, and everybody off it is, or cannot be told."""

import math

from hypothesis import given
from hypothesis import strategies as st

from reports.figures.pareto import front, ranks

_NUMBERS = st.integers(0, 4).map(float)
_ANY = _NUMBERS | st.sampled_from([math.nan, math.inf, -math.inf])
_PLANE = st.lists(st.tuples(_NUMBERS, _NUMBERS), max_size=12)
_SPACE = st.lists(st.tuples(_ANY, _ANY, _ANY), max_size=10)


def beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """At least as much everywhere, and not the same."""
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def test_a_front_by_hand() -> None:
    points = [(1.0, 5.0), (2.0, 4.0), (2.0, 3.0), (5.0, 1.0), (1.0, 1.0), (2.0, 4.0)]
    assert front(points) == [True, True, False, True, False, True]  # equals share a place
    assert ranks(points) == [0, 0, 1, 0, 2, 0]


def test_of_one_number_the_front_is_the_most() -> None:
    assert front([(1.0,), (3.0,), (3.0,), (2.0,)]) == [False, True, True, False]
    assert ranks([(1.0,), (3.0,), (3.0,), (2.0,)]) == [2, 0, 0, 1]


def test_what_cannot_be_told_or_has_no_end_is_on_no_front() -> None:
    points = [(math.nan, 9.0), (9.0, -math.inf), (1.0, 1.0)]
    assert front(points) == [False, False, True]
    assert ranks(points) == [3, 3, 0]


def test_nothing_has_no_front() -> None:
    assert (front([]), ranks([])) == ([], [])


@given(_PLANE)
def test_nobody_on_the_front_is_beaten_and_everybody_off_it_is(points: list[tuple[float, float]]) -> None:
    for point, on in zip(points, front(points), strict=True):
        assert on is not any(beats(other, point) for other in points)


@given(_PLANE)
def test_a_rank_is_beaten_only_from_lower_ones_and_at_all(points: list[tuple[float, float]]) -> None:
    ranked = list(zip(points, ranks(points), strict=True))
    for point, rank in ranked:
        over = {other_rank for other, other_rank in ranked if beats(other, point)}
        assert max(over, default=-1) == rank - 1


@given(_SPACE)
def test_ranks_begin_at_the_front_and_leave_what_is_not_finite_to_the_end(
    points: list[tuple[float, float, float]],
) -> None:
    found = ranks(points)
    assert [rank == 0 for rank in found] == front(points)
    for point, rank in zip(points, found, strict=True):
        assert all(map(math.isfinite, point)) or rank == len(points)

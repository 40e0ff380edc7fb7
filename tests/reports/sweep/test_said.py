"""What the rows of a sweep say."""

from __future__ import annotations

from reports.sweep.result import rows_of
from reports.sweep.said import sentences
from tests.reports.virtual import small


def told(*of: list[tuple[float, float]]) -> list[str]:
    """The sentences on settings a = 0, 1, ... with goodput and tokens a good call, by seed."""
    return sentences(
        rows_of(
            [
                ({"a": i}, [small.figures(g, t, seed=seed) for seed, (g, t) in enumerate(cells, start=1)])
                for i, cells in enumerate(of)
            ]
        )
    )


def test_the_best_comes_first_and_the_cheapest_that_nothing_beats_last() -> None:
    # Ahead by 2 and 2.1: 2.05, with an interval of 12.706 * 0.05 = 0.635 to either side.
    best, sure, cheapest = told([(5, 100), (7, 100)], [(3, 80), (4.9, 80)])
    assert best == "Best: a = 0: goodput 6.00 a second, p99 of ok calls 3.0 s, 100 tokens a good call."
    assert sure == "Every other is behind it by more than chance, each by itself: no 95 % interval holds 0."
    assert cheapest == (
        "Cheapest on the front: a = 1: 20 % fewer tokens a good call for 2.05 less goodput a second."
    )


def test_a_difference_that_may_be_chance_is_said_to_be_one() -> None:
    _, level = told([(5, 100), (7, 100)], [(4, 100), (7.5, 100)], [(1, 100), (3, 100)])
    assert level == "1 of 2 others, a = 1, may be as good: the loss's 95 % interval holds 0."


def test_one_seed_tells_nothing_of_chance() -> None:
    assert told([(5, 100)], [(4, 100)])[1:] == [
        "One seed: how much of a difference is chance cannot be told."
    ]


def test_a_single_setting_is_compared_with_none() -> None:
    assert len(told([(5, 100), (7, 100)])) == 1


def test_where_nothing_was_good_nothing_is_best() -> None:
    assert told([(0, 100)], [(0, 100)]) == ["No setting served a single call in time."]

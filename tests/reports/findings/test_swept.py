"""Findings of a sweep, on rows worked out on paper."""

from __future__ import annotations

from typing import Any

import pytest

from reports.findings.swept import spread, swept
from reports.sweep.result import Row, rows_of
from tests.reports.virtual.small import figures

GRID = {"concurrency.limit": [25, 50], "retry.attempts": [1, 3]}


def rows(
    goodputs: dict[tuple[int, int], tuple[float, float]], tokens: dict[tuple[int, int], float]
) -> list[Row]:
    """A row for each (limit, attempts), of two seeds."""
    return rows_of(
        [
            (
                {"concurrency.limit": key[0], "retry.attempts": key[1]},
                [figures(g, tokens.get(key, 100.0), seed=seed) for seed, g in enumerate(both)],
            )
            for key, both in goodputs.items()
        ]
    )


#: Means: 25/1: 4, 25/3: 5, 50/1: 8, 50/3: 8.5.
PLAYED = {(25, 1): (4.0, 4.0), (25, 3): (5.0, 5.0), (50, 1): (8.0, 8.0), (50, 3): (8.0, 9.0)}
TOKENS = {(25, 1): 80.0}


def by_key(base: dict[str, Any] | None = None) -> dict[str, Any]:
    return {f.key: f for f in swept(GRID, rows(PLAYED, TOKENS), base or {})}


def test_the_best_setting_comes_first() -> None:
    found = swept(GRID, rows(PLAYED, TOKENS))
    assert (found[0].key, found[0].severity) == ("best_setting", "good")
    assert found[0].text.startswith("Best: concurrency.limit = 50, retry.attempts = 3: goodput 8.50 a second")
    assert found[0].evidence[-1].startswith("the worst, concurrency.limit = 25, retry.attempts = 1: 4.50")


def test_the_key_that_moves_goodput_most_is_named() -> None:
    # The limit: 8 - 4 with one attempt, 8.5 - 5 with three; the attempts: 1 and 0.5.
    assert spread(rows(PLAYED, TOKENS), "concurrency.limit") == pytest.approx(3.75)
    assert spread(rows(PLAYED, TOKENS), "retry.attempts") == pytest.approx(0.75)
    assert by_key()["key_matters"].text == (
        "concurrency.limit matters most: it moves goodput by 3.75 a second, retry.attempts by 0.75."
    )


def test_what_may_be_chance_is_said() -> None:
    # 50/1 loses 0 and 1: 0.5 with an interval far wider; the others lose 3 and more, but of two seeds.
    assert "concurrency.limit = 50, retry.attempts = 1" in " ".join(by_key()["sureness"].evidence)


def test_the_cheapest_on_the_front_is_named_with_its_price() -> None:
    assert by_key()["cheaper_setting"].text == (
        "Cheapest on the front: concurrency.limit = 25, retry.attempts = 1: 20 % fewer tokens a call in"
        " time for 4.50 less goodput a second."
    )


def test_the_policy_as_it_is_is_held_against_the_best() -> None:
    behind = by_key({"concurrency.limit": 50, "retry.attempts": 1})["base_behind"]
    assert behind.text.startswith(
        "The policy as it is, concurrency.limit = 50, retry.attempts = 1, is 0.50 ± "
    )
    assert behind.text.endswith("which may be chance.")
    best = by_key({"concurrency.limit": 50, "retry.attempts": 3})["base_behind"]
    assert best.text == "The best setting is the policy as it is."
    assert "base_behind" not in by_key({"concurrency.limit": 99, "retry.attempts": 1})


def test_one_seed_cannot_tell_chance() -> None:
    one = rows_of([({"retry.attempts": n}, [figures(float(n))]) for n in (1, 2)])
    found = {f.key: f for f in swept({"retry.attempts": [1, 2]}, one)}
    assert found["sureness"].text.startswith("One seed")
    assert "key_matters" not in found  # there is one key only


def test_where_nothing_was_served_there_is_no_best() -> None:
    none = rows_of([({"retry.attempts": n}, [figures(0.0)]) for n in (1, 2)])
    (found,) = swept({"retry.attempts": [1, 2]}, none)
    assert (found.key, found.severity) == ("no_goodput", "problem")

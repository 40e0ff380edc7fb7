"""Rows of a sweep: who is behind by how much, how sure that is, and who stands on the front."""

from __future__ import annotations

import csv
import math
from typing import Any

import numpy as np
import pytest

from reports.sweep.result import (
    Row,
    document,
    label,
    matrix,
    numbered,
    rows_of,
    shown,
    to_csv,
)
from reports.sweep.spec import SweepSpec
from reports.virtual.measures import MEASURES
from tests.reports.virtual import small


def rows(*of: tuple[dict[str, Any], list[tuple[float, float]]]) -> list[Row]:
    """Rows of settings with goodput and tokens a good call, by seed."""
    return rows_of(
        [
            (settings, [small.figures(g, t, seed=seed) for seed, (g, t) in enumerate(cells, start=1)])
            for settings, cells in of
        ]
    )


def spec(grid: dict[str, list[Any]], seeds: tuple[int, ...] = (1, 2)) -> SweepSpec:
    return SweepSpec("small", "Small", "It shows.", small.stage(), seeds, grid)


def test_goodput_lost_is_paired_by_seed() -> None:
    best, other = rows(({"a": 1}, [(5, 100), (7, 100)]), ({"a": 2}, [(4, 90), (4, 90)]))
    assert (best.behind, best.sure) == (0.0, 0.0)
    # Behind by 1 and 3: mean 2, standard deviation sqrt(2), t of one degree 12.706.
    assert other.behind == 2.0
    assert other.sure == pytest.approx(12.706 * math.sqrt(2) / math.sqrt(2))
    assert (best.pareto, other.pareto) == (True, True)  # the other is cheaper


def test_the_best_are_first_and_the_front_is_numbered() -> None:
    made = rows(({"a": 1}, [(3, 80)]), ({"a": 2}, [(5, 100)]), ({"a": 3}, [(4, 120)]), ({"a": 4}, [(0.0, 1)]))
    found = [(number, row.settings["a"]) for number, row in numbered(made)]
    assert found == [(1, 2), (None, 3), (2, 1), (None, 4)]


def test_equals_are_all_the_best() -> None:
    made = rows(({"a": 1}, [(3, 80), (5, 80)]), ({"a": 2}, [(5, 80), (3, 80)]))
    assert [row.behind for row in made] == [0.0, 0.0]
    assert [math.copysign(1, row.behind) for row in made] == [1.0, 1.0]
    assert all(row.pareto for row in made)


def test_without_a_good_call_there_is_no_front_but_a_table() -> None:
    (row,) = rows(({"a": 1}, [(0.0, 1.0), (0.0, 1.0)]))
    assert (row.behind, row.pareto) == (0.0, False)
    assert row.mean(MEASURES["tokens_per_good_call"]) == math.inf


def test_a_document_of_plain_data() -> None:
    grid: dict[str, list[Any]] = {"retry.attempts": [1, 2]}
    made = rows(({"retry.attempts": 1}, [(5, 100), (7, 100)]), ({"retry.attempts": 2}, [(0, 1), (0, 1)]))
    found = document(spec(grid), made)
    assert (found["kind"], found["seeds"], found["grid"], found["real"]) == ("sweep", [1, 2], grid, [])
    assert found["rows"][0]["mean"]["goodput"] == 6.0
    assert found["rows"][1]["mean"]["tokens_per_good_call"] == "inf"
    assert found["rows"][1]["mean"]["time_to_recover"] is None
    assert [seed["goodput"] for seed in found["rows"][0]["seeds"]] == [5.0, 7.0]


def test_a_line_a_cell() -> None:
    grid: dict[str, list[Any]] = {"retry.on": [["timeout", "overloaded"]]}
    made = rows(({"retry.on": ["timeout", "overloaded"]}, [(5, 100), (7, 100)]))
    lines = list(csv.DictReader(to_csv(spec(grid), made).splitlines()))
    assert [(line["retry.on"], line["seed"], line["goodput"]) for line in lines] == [
        ("timeout, overloaded", "1", "5.0"),
        ("timeout, overloaded", "2", "7.0"),
    ]
    assert lines[0]["time_to_recover"] == ""


def test_a_map_over_two_keys_has_the_others_as_in_the_best() -> None:
    grid: dict[str, list[Any]] = {"a": [1, 2], "b": ["x", "y"], "c": [0, 9]}
    made = rows(
        *(
            ({"a": a, "b": b, "c": c}, [(a + (b == "y") * 10 + c / 10, 100.0)])
            for a in (1, 2)
            for b in "xy"
            for c in (0, 9)
        )
    )
    found = matrix(made, "a", "b", grid, MEASURES["goodput"])
    np.testing.assert_allclose(found, [[1.9, 11.9], [2.9, 12.9]])


def test_settings_in_a_line() -> None:
    assert label({}) == "as it is"
    assert label({"a": [1, "x"], "b": True, "c": 0.5}) == "a = 1, x, b = true, c = 0.5"
    assert shown(1_000_000) == "1000000"

"""Distances between laws and samples, worked out by hand."""

import numpy as np
import pytest

from reports.fit.goodness import goodness, survived
from reports.fit.laws import Lognormal

NOTHING = np.empty(0)


def test_kaplan_and_meier_as_in_a_textbook() -> None:
    # The treated of Freireich et al. (1963), who stayed well for so many weeks or were still so.
    seen = np.array([6, 6, 6, 7, 10, 13, 16, 22, 23], dtype=np.float64)
    cut = np.array([6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35], dtype=np.float64)
    many = 10  # each of them ten times, so that there are enough at risk to the end
    values, shares = survived(np.repeat(seen, many), np.repeat(cut, many))
    assert values.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert 1 - shares == pytest.approx([0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=5e-4)


def test_where_too_few_are_left_nothing_is_told() -> None:
    values, _ = survived(np.arange(1.0, 101.0), np.full(5, 50.0))
    assert values.max() == 71.0  # 30 of those from 71 to 100 are at risk there


def test_the_distance_is_the_greatest_between_the_shares() -> None:
    found = goodness(Lognormal(100, 1.0), np.array([100.0, 100.0, 100.0, 100.0]), NOTHING)
    assert found.distance == pytest.approx(0.5)
    assert found.by_chance == pytest.approx(0.68)
    assert found.observed == {"p50": None, "p90": None, "p99": None}
    assert found.fitted["p50"] == pytest.approx(100)


def test_a_law_is_close_to_its_own_samples() -> None:
    rng = np.random.default_rng(1)
    law = Lognormal(40, 0.6)
    drawn = law.median * np.exp(law.sigma * rng.standard_normal(20_000))
    assert goodness(law, drawn, NOTHING).distance < 0.01
    whole = np.maximum(1.0, np.round(drawn))
    assert goodness(law, whole, NOTHING, steps=1.0).distance < 0.01
    assert not goodness(Lognormal(50, 0.6), drawn, NOTHING).close

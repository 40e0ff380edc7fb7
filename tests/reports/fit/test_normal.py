"""The normal distribution, by its tables."""

import numpy as np
import pytest

from reports.fit import normal


def test_shares_are_those_of_the_tables() -> None:
    z = np.array([-1.959964, 0.0, 1.644854])
    assert normal.below(z) == pytest.approx([0.025, 0.5, 0.95], abs=1e-6)
    assert normal.beyond(z) == pytest.approx([0.975, 0.5, 0.05], abs=1e-6)
    assert normal.density(np.array([0.0, 1.0])) == pytest.approx([0.398942, 0.241971], abs=1e-6)
    assert normal.score(0.975) == pytest.approx(1.959964, abs=1e-6)


def test_the_mean_beyond_a_bound_is_right_near_and_far() -> None:
    # E(Z | Z > 0) = sqrt(2 / pi); E(Z | Z > 30) = 30.03326 (its continued fraction).
    assert normal.mean_beyond(np.array([0.0]))[0] == pytest.approx(0.797885, abs=1e-6)
    assert normal.mean_beyond(np.array([30.0]))[0] == pytest.approx(30.03326, abs=1e-3)
    assert np.isfinite(normal.mean_beyond(np.array([-50.0, 500.0]))).all()
    around = normal.mean_beyond(np.array([19.999, 20.0, 20.001]))
    assert np.diff(around) == pytest.approx([0.001, 0.001], abs=5e-4)

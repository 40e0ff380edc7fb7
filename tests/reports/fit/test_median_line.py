"""Lines through the middle of samples."""

import numpy as np
import pytest

from reports.fit.median_line import median_line, telling


def test_slow_samples_do_not_tilt_it() -> None:
    rng = np.random.default_rng(1)
    tokens = rng.integers(20, 400, 5000).astype(np.float64)
    slow = np.where(rng.random(5000) < 0.1, 5000.0, 0.0)
    values = 430 + 21 * tokens + rng.normal(0, 100, 5000) + slow
    line = median_line(values, [tokens])
    assert line.at[1] == pytest.approx(21, rel=0.01)
    assert abs(line.at[1] - 21) < 4 * line.errors[1]
    assert telling(line, 1)


def test_its_errors_are_as_large_as_its_slopes_differ() -> None:
    rng = np.random.default_rng(2)
    found, errors = [], []
    for _ in range(100):
        column = rng.uniform(0, 1000, 400)
        line = median_line(500 + rng.normal(0, 50, 400), [column])
        found.append(line.at[1])
        errors.append(line.errors[1])
    assert float(np.std(found)) == pytest.approx(float(np.mean(errors)), rel=0.25)


def test_a_column_that_says_nothing_has_a_slope_of_chance() -> None:
    rng = np.random.default_rng(3)
    line = median_line(rng.normal(500, 50, 2000), [rng.uniform(50, 120, 2000)])
    assert not telling(line, 1)


def test_two_columns_are_told_apart() -> None:
    rng = np.random.default_rng(4)
    tokens, full = rng.uniform(20, 400, 4000), rng.uniform(0, 1, 4000)
    values = 430 + 20 * tokens * (1 + 0.5 * full) + rng.normal(0, 50, 4000)
    line = median_line(values, [tokens, tokens * full])
    assert line.at[1:] == pytest.approx([20, 10], rel=0.02)

"""Least absolute deviations: the line that half of the samples lie above, which slow ones cannot tilt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reports.reading.run import Floats

_ROUNDS = 60
_SETTLED = 1e-10

#: On both sides of the median, as a share: what the density there is taken from.
_HALF_BAND = 0.1


@dataclass(frozen=True, slots=True)
class Line:
    """`at` are the coefficients of the columns, the constant first; `errors` their standard errors."""

    at: Floats
    errors: Floats


def median_line(values: Floats, columns: list[Floats], weight: Floats | None = None) -> Line:
    """The line with the least sum of |value - constant - slopes * columns|, by reweighted least squares.

    Standard errors as of a quantile regression with errors alike everywhere: (X'X)^-1 / (2 f(0))^2, f the
    density of the residuals (Koenker and Bassett, 1978).
    """
    n = len(values)
    scale = [max(float(np.abs(column).max(initial=0.0)), 1e-12) for column in columns]
    x = np.column_stack([np.ones(n), *(column / most for column, most in zip(columns, scale, strict=True))])
    given = np.ones(n) if weight is None else weight
    least = 1e-6 * max(float(np.abs(values - np.median(values)).mean()), 1e-12)
    at = np.linalg.lstsq(x, values, rcond=None)[0]
    for _ in range(_ROUNDS):
        root = np.sqrt(given / np.maximum(np.abs(values - x @ at), least))
        after = np.linalg.lstsq(x * root[:, None], values * root, rcond=None)[0]
        moved = float(np.abs(after - at).max())
        at = after
        if moved <= _SETTLED * max(1.0, float(np.abs(at).max())):
            break
    off = values - x @ at
    low, high = np.quantile(off, [0.5 - _HALF_BAND, 0.5 + _HALF_BAND])
    spread = float(high - low) / (2 * _HALF_BAND)  # 1 / f(0)
    inverse = np.linalg.pinv(x.T @ x)
    errors = 0.5 * spread * np.sqrt(np.maximum(np.diag(inverse), 0.0))
    units = np.array([1.0, *(1 / most for most in scale)])
    return Line(at * units, errors * units)


def telling(line: Line, column: int, least_z: float = 3.0) -> bool:
    """Whether a slope is more than chance makes it, and not negative."""
    error = float(line.errors[column])
    return float(line.at[column]) > least_z * error and not math.isnan(error)

"""The standard normal distribution on arrays: NumPy has none, and a whole library for it would be much."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from reports.reading.run import Floats

_STANDARD = NormalDist()
_ERFC = np.frompyfunc(math.erfc, 1, 1)

#: Beyond it the tail is its expansion to a ten-thousandth, and what the quotient is made of becomes tiny.
_FAR = 20.0


def density(z: Floats) -> Floats:
    """exp(-z^2 / 2) / sqrt(2 pi)."""
    return np.asarray(np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))


def below(z: Floats) -> Floats:
    """P(Z <= z)."""
    return beyond(-z)


def beyond(z: Floats) -> Floats:
    """P(Z > z)."""
    return 0.5 * np.asarray(_ERFC(z / math.sqrt(2)), dtype=np.float64)


def mean_beyond(z: Floats) -> Floats:
    """E(Z | Z > z) = density(z) / P(Z > z); far out z + 1 / z, its expansion."""
    near = np.minimum(z, _FAR)
    return np.where(z < _FAR, density(near) / beyond(near), z + 1 / np.maximum(z, 1.0))


def score(share: float) -> float:
    """The quantile of a share inside (0, 1)."""
    return _STANDARD.inv_cdf(share)

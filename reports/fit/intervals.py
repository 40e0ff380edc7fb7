"""How sure fitted numbers are."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from reports.fit.laws import Law
from reports.fit.mixture import Samples

#: Two-sided 95 % of the normal distribution.
Z95 = 1.959964

#: Bootstrap resamples: the 3rd least and the 3rd greatest of 100 are the ends of the interval.
RESAMPLES = 100
_SEED = 8


def share(count: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share: of `count` in `n`, which is more than nothing."""
    p, z2 = count / n, Z95 * Z95
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def around(value: float, error: float) -> tuple[float, float]:
    """The 95 % interval of a number with a normal error; itself where the error is not known."""
    if math.isnan(error):
        return value, value
    return max(0.0, value - Z95 * error), value + Z95 * error


def quantiles(
    samples: Samples, refit: Callable[[Samples], Law], shares: tuple[float, ...]
) -> list[tuple[float, float]]:
    """The 95 % interval of each of a fitted law's quantiles: from fits to as many samples drawn again."""
    rng = np.random.default_rng(_SEED)
    laws = [refit(samples.drawn(rng)) for _ in range(RESAMPLES)]
    found = []
    for one in shares:
        values = sorted(law.quantile(one) for law in laws)
        found.append((values[2], values[-3]))
    return found

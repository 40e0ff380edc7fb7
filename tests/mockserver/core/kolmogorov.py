"""Whether a sample follows a law: the Kolmogorov-Smirnov test."""

import math
from collections.abc import Callable, Iterable
from statistics import NormalDist

# Of the Kolmogorov distribution: sqrt(n) D exceeds 1.95 with probability 0.001 (Smirnov 1948, table).
CRITICAL = 1.95


def distance(sample: Iterable[float], cdf: Callable[[float], float]) -> float:
    """The largest distance of the empirical distribution from a continuous one."""
    ordered = sorted(sample)
    n = len(ordered)
    worst = 0.0
    for index, value in enumerate(ordered):
        probability = cdf(value)
        worst = max(worst, probability - index / n, (index + 1) / n - probability)
    return worst


def assert_drawn_from(sample: Iterable[float], cdf: Callable[[float], float]) -> None:
    """Fails one time in a thousand for a sample of the law: with fixed seeds, never or always."""
    values = list(sample)
    found, most = distance(values, cdf), CRITICAL / math.sqrt(len(values))
    assert found < most, f"D = {found:.5f} of {len(values)} draws, more than {most:.5f}"


def lognormal_cdf(x: float, median: float, sigma: float) -> float:
    return NormalDist().cdf(math.log(x / median) / sigma) if x > 0 else 0.0

"""Lognormal laws as a profile gives them: a median with a sigma, or with one percentile.

sigma = ln(percentile / median) / z, z being the standard normal quantile of that percentile.
"""

from math import exp, expm1, log, log1p, sqrt
from statistics import NormalDist

from mockserver.errors import ProfileError
from mockserver.tables import Table, wrong

MAX_SIGMA = 5.0
PERCENTILES = {"p90": 0.90, "p95": 0.95, "p99": 0.99}


def read_sigma(table: Table, prefix: str, unit: str, median: float, default: float, most: float) -> float:
    """The sigma beside a median: given as such, or by a percentile in the unit of the median."""
    keys = {f"{prefix}{name}_{unit}": level for name, level in PERCENTILES.items()}
    values = {key: table.optional_number(key, 0, most) for key in keys}
    given = [key for key, value in values.items() if value is not None]
    if table.has(f"{prefix}sigma") and given:
        raise ProfileError(f"{table.path(given[0])} stands beside {prefix}sigma: expected one of them")
    if len(given) > 1:
        raise ProfileError(f"{table.path(given[1])} stands beside {given[0]}: expected one percentile")
    if not given:
        return table.number(f"{prefix}sigma", default, 0, MAX_SIGMA)
    table.number(f"{prefix}sigma", default, 0, MAX_SIGMA)  # known here, though absent
    key, value = given[0], values[given[0]] or 0.0
    if median <= 0 or value < median:
        raise wrong(table.path(key), value, f"at least the median ({median:g}), which must be more than 0")
    sigma = log(value / median) / NormalDist().inv_cdf(keys[key])
    if sigma > MAX_SIGMA:
        raise wrong(table.path(key), value, f"no more than a sigma of {MAX_SIGMA:g} makes of the median")
    return sigma


def mean_of(median: float, sigma: float) -> float:
    """The mean of a lognormal."""
    return median * exp(sigma * sigma / 2)


def cv_of(sigma: float) -> float:
    """The coefficient of variation of a lognormal."""
    return sqrt(expm1(sigma * sigma))


def sigma_of(cv: float) -> float:
    """The sigma of a lognormal with that coefficient of variation."""
    return sqrt(log1p(cv * cv))

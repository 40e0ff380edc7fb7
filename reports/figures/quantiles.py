"""Exact percentiles of raw samples, in which a failure may stand as infinite."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from reports.reading.run import Floats

#: How the quantile between two samples is taken; named wherever one is printed.
DEFINITION = "NumPy linear"

#: A percentile, and the fewest samples it is given for (design: Metric names and formulas).
LEAST_SAMPLES = {
    "p50": (0.5, 20),
    "p90": (0.9, 100),
    "p95": (0.95, 200),
    "p99": (0.99, 1000),
    "p99.9": (0.999, 10_000),
}

# A position this close to a sample is that sample: (n - 1) * q is not exact in binary.
ROUNDING = 1e-9


def quantile(ordered: Floats, q: float) -> float:
    """The q-quantile of sorted samples: linear between the samples at floor and ceiling of (n - 1) q.

    As numpy.quantile, but where the upper of the two samples is infinite the result is infinite, not nan.
    `ordered` holds at least one sample.
    """
    position = (len(ordered) - 1) * q
    low = math.floor(position + ROUNDING)
    fraction = position - low
    below = float(ordered[low])
    if fraction <= ROUNDING:
        return below
    above = float(ordered[low + 1])
    return math.inf if math.isinf(above) else below + fraction * (above - below)


def percentiles(samples: Floats) -> dict[str, float | int | None]:
    """`{"p50", "p90", "p95", "p99", "p99.9", "mean", "max", "n"}`; None where samples are too few."""
    ordered = np.sort(samples)
    n = len(ordered)
    found: dict[str, float | int | None] = {
        name: quantile(ordered, q) if n >= least else None for name, (q, least) in LEAST_SAMPLES.items()
    }
    found["mean"] = float(ordered.mean()) if n else None
    found["max"] = float(ordered[-1]) if n else None
    found["n"] = n
    return found


def curve(ordered: Floats, points: int = 400) -> tuple[Floats, Floats]:
    """The percentile curve of sorted samples: shares up to the last that n can tell, and their quantiles.

    The shares are even on an axis of nines, -log10(1 - share), where each decade is one more nine.
    """
    if len(ordered) == 0:
        return np.empty(0), np.empty(0)
    last_nines = math.log10(len(ordered))
    shares = 1 - 10 ** -np.linspace(0, last_nines, points)
    return shares, np.array([quantile(ordered, float(q)) for q in shares])


def nines(shares: Floats | Sequence[float]) -> Floats:
    """Where shares stand on an axis of nines: 0.9 at 1, 0.99 at 2."""
    return np.asarray(-np.log10(1 - np.asarray(shares, dtype=np.float64)))

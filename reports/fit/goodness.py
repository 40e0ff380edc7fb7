"""How well a law fits what was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reports.figures.quantiles import LEAST_SAMPLES
from reports.fit.laws import Law
from reports.reading.run import Floats

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}

#: A law fits well whose shares nowhere differ by more than this from those that were seen.
CLOSE = 0.05

#: Of those that might still go on, where some were cut off.
FEWEST_AT_RISK = 30


@dataclass(frozen=True, slots=True)
class Goodness:
    """The greatest difference between the shares seen and fitted, and what chance alone makes of it (95 %).

    Quantiles are None where samples are too few, or where too much was cut.
    """

    n: int
    distance: float
    by_chance: float
    observed: dict[str, float | None]
    fitted: dict[str, float]

    @property
    def close(self) -> bool:
        """Whether the law has the right form."""
        return self.distance <= max(CLOSE, self.by_chance)


def goodness(law: Law, seen: Floats, cut: Floats, *, steps: float = 0.0) -> Goodness:
    """Kolmogorov and Smirnov's distance to the shares seen, by Kaplan and Meier where some were cut.

    1.36 / sqrt(n) is what chance passes once in twenty times where the law is given; it was fitted here, and
    passes it more seldom. Of values that are whole multiples of `steps` only the whole ones are compared.
    """
    values, shares = survived(seen, cut)
    fitted = law.below(values + steps / 2)
    before = np.concatenate(([0.0], shares[:-1]))
    below = law.below(np.maximum(values - steps / 2, 1e-12)) if steps else fitted
    distance = float(np.maximum(np.abs(shares - fitted), np.abs(before - below)).max(initial=0.0))
    n = len(seen)
    observed = {
        name: _quantile(values, shares, share) if n >= LEAST_SAMPLES[name][1] else None
        for name, share in SHARES.items()
    }
    return Goodness(
        n, distance, 1.36 / math.sqrt(n), observed, {name: law.quantile(s) for name, s in SHARES.items()}
    )


def survived(seen: Floats, cut: Floats) -> tuple[Floats, Floats]:
    """The values seen, in order, and the share at or below each (Kaplan and Meier, 1958).

    One that was cut off counts among those at risk until then. Where fewer than FEWEST_AT_RISK are left the
    shares are chance, and not told.
    """
    values, counts = np.unique(seen, return_counts=True)
    ended_before = np.searchsorted(np.sort(cut), values, side="left")
    gone = np.concatenate(([0], np.cumsum(counts)[:-1])) + ended_before
    at_risk = len(seen) + len(cut) - gone
    shares = np.asarray(1 - np.cumprod(1 - counts / at_risk), dtype=np.float64)
    told = (at_risk >= FEWEST_AT_RISK) | (len(cut) == 0)
    return values[told], shares[told]


def _quantile(values: Floats, shares: Floats, share: float) -> float | None:
    at = int(np.searchsorted(shares, share - 1e-12))
    return float(values[at]) if at < len(values) else None

"""Percentiles that a generator tells, beside those of the server it loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.figures.quantiles import quantile
from reports.reading.run import Floats

#: 60 s at 300/s are 18,000 samples: too few for p99.9.
USUAL = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
MANY = {**USUAL, "p99.9": 0.999}

FLOOR_MS = 1.0
SHARE = 0.01


@dataclass(frozen=True)
class Percentile:
    """One percentile: as told, and in truth."""

    name: str
    told_ms: float
    true_ms: float

    @property
    def off_ms(self) -> float:
        """How far off it is; positive where more was told."""
        return self.told_ms - self.true_ms

    @property
    def bound_ms(self) -> float:
        """How far off it may be: a millisecond, or a hundredth of the truth where that is more."""
        return max(FLOOR_MS, SHARE * self.true_ms)

    @property
    def within(self) -> bool:
        """Whether it is within its bound."""
        return abs(self.off_ms) <= self.bound_ms


def of(samples_ms: Floats, levels: Mapping[str, float]) -> dict[str, float]:
    """Percentiles of raw samples."""
    ordered = np.sort(samples_ms)
    return {name: quantile(ordered, q) for name, q in levels.items()}


def compared(
    told_ms: Mapping[str, float], served_ms: Floats, levels: Mapping[str, float]
) -> list[Percentile]:
    """What was told beside the percentiles of the server's own times."""
    true_ms = of(served_ms, levels)
    return [Percentile(name, told_ms[name], true_ms[name]) for name in levels]


def cells(found: Sequence[Percentile]) -> list[str]:
    """As printed: what was told, and how far off that is; an asterisk where that is beyond the bound."""
    return [f"{p.told_ms:.1f} ({p.off_ms:+.1f}){'' if p.within else '*'}" for p in found]

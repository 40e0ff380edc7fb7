"""The fitted laws beside what they were fitted to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.fit import intervals
from reports.fit.fit import Fit
from reports.fit.goodness import CLOSE, SHARES, Goodness, goodness
from reports.fit.laws import Law, Lognormal
from reports.fit.mixture import Samples, one, two
from reports.reading.run import Floats

Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Beside:
    """A law and the samples; `interval` has the 95 % interval of each fitted quantile."""

    name: str
    unit: str
    law: Law
    seen: Floats
    cut: Floats
    goodness: Goodness
    interval: dict[str, Ends]

    @property
    def tail_off(self) -> bool:
        """Whether the p99 that was seen is another than the law's: outside of its interval, and not close."""
        seen, fitted = self.goodness.observed["p99"], self.goodness.fitted["p99"]
        low, high = self.interval["p99"]
        return seen is not None and not low <= seen <= high and abs(seen - fitted) > CLOSE * fitted

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        quantiles = {
            name: {
                "observed": self.goodness.observed[name],
                "fitted": self.goodness.fitted[name],
                "low": self.interval[name][0],
                "high": self.interval[name][1],
            }
            for name in SHARES
        }
        return {
            "unit": self.unit,
            "n": self.goodness.n,
            "cut": len(self.cut),
            "ks": self.goodness.distance,
            "ks_by_chance": self.goodness.by_chance,
            "close": self.goodness.close,
            **quantiles,
        }


@dataclass(frozen=True, slots=True)
class Laws:
    """The laws of a fit; None where nothing of one was seen."""

    ttft: Beside
    gap: Beside | None
    length: Beside | None

    def __iter__(self) -> Iterator[Beside]:
        """Those that are there."""
        return (law for law in (self.ttft, self.gap, self.length) if law is not None)


def laws(fit: Fit) -> Laws:
    """All of them, with intervals: that takes some seconds."""
    return Laws(_ttft(fit), _gap(fit), _length(fit))


def _ttft(fit: Fit) -> Beside:
    latency = fit.latency
    found = latency.first
    refit = one if not found.law.share else _again(fit)
    return Beside(
        "time to first token",
        "ms",
        found.law,
        latency.first_ms,
        np.empty(0),
        goodness(found.law, latency.first_ms, np.empty(0)),
        _intervals(latency.samples, lambda samples: refit(samples).law),
    )


def _again(fit: Fit) -> Callable[[Samples], Any]:
    near = fit.latency.first
    return lambda samples: two(samples, near)


def _gap(fit: Fit) -> Beside | None:
    gaps = fit.latency.gaps
    if gaps.cv is None or gaps.gaps is None:
        return None
    sigma = math.sqrt(math.log1p(gaps.cv**2))
    law = Lognormal(gaps.mean_ms * math.exp(-sigma * sigma / 2), sigma)
    seen = gaps.gaps[gaps.gaps > 0]
    # Only the mean's own error is known well: the spread comes from up to a million gaps.
    scale = intervals.around(1.0, gaps.error_ms / gaps.mean_ms)
    interval = {name: (law.quantile(s) * scale[0], law.quantile(s) * scale[1]) for name, s in SHARES.items()}
    return Beside(
        "time between tokens, API empty",
        "ms",
        law,
        seen,
        np.empty(0),
        goodness(law, seen, np.empty(0)),
        interval,
    )


def _length(fit: Fit) -> Beside | None:
    lengths = fit.lengths
    if lengths is None:
        return None
    return Beside(
        "length of replies",
        "tokens",
        lengths.law,
        lengths.ended,
        lengths.cut,
        goodness(lengths.law, lengths.ended, lengths.cut, steps=1.0),
        _intervals(lengths.samples, lambda samples: one(samples).law.usual),
    )


def _intervals(samples: Samples, refit: Callable[[Samples], Law]) -> dict[str, Ends]:
    ends = intervals.quantiles(samples, refit, tuple(SHARES.values()))
    return dict(zip(SHARES, ends, strict=True))

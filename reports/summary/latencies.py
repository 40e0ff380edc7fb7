"""Call latencies as pictures need them: whole curves and bounds from every call, dots from some of many."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reports.figures.quantiles import curve, quantile
from reports.reading.run import Floats, Ints

#: More dots than this say no more; beyond it some are drawn from all, evenly over the run.
MOST_DOTS = 20_000

#: The axis begins near this quantile: a few replies that came at once would stretch it.
FASTEST = 0.002

_SEED = 0


@dataclass(frozen=True, slots=True)
class Curve:
    """A percentile curve: shares of calls, and the latency within which they ended, infinite for failures."""

    shares: Floats
    values_s: Floats


@dataclass(frozen=True, slots=True)
class Latencies:
    """Over all `calls`: curves of ok ones and of every one, and the bounds of ok ones.

    `fastest_s` is their 0.2 % quantile, infinite where no call was ok; `slowest_s` their maximum, then zero.
    """

    calls: int
    failed: int
    fastest_s: float
    slowest_s: float
    ok: Curve
    every: Curve


@dataclass(frozen=True, slots=True)
class Dots:
    """Single calls: when they were due, and how long ok ones took. `ok` and `failed` are of how many."""

    ok_due_s: Floats
    ok_took_s: Floats
    failed_due_s: Floats
    ok: int
    failed: int


def latencies(latency_s: Floats) -> Latencies:
    """From one latency a call, infinite where it failed."""
    ordered = np.sort(latency_s)
    ok = ordered[: int(np.searchsorted(ordered, np.inf))]
    positive = ok[int(np.searchsorted(ok, 0.0, side="right")) :]
    return Latencies(
        calls=len(ordered),
        failed=len(ordered) - len(ok),
        fastest_s=quantile(positive, FASTEST) if len(positive) else math.inf,
        slowest_s=float(ok[-1]) if len(ok) else 0.0,
        ok=Curve(*curve(ok)),
        every=Curve(*curve(ordered)),
    )


def dots(due_s: Floats, latency_s: Floats, most: int = MOST_DOTS) -> Dots:
    """At most so many ok calls and so many failed ones: all, or one drawn from each of equal stretches."""
    fine = np.isfinite(latency_s)
    ok, failed = np.flatnonzero(fine), np.flatnonzero(~fine)
    shown_ok, shown_failed = ok[drawn(len(ok), most)], failed[drawn(len(failed), most)]
    return Dots(due_s[shown_ok], latency_s[shown_ok], due_s[shown_failed], len(ok), len(failed))


def drawn(rows: int, most: int) -> Ints:
    """Which of so many rows are shown, in order: all of few; one of each of `most` equal stretches of many.

    Drawn from a fixed seed: the same run gives the same picture, and no rhythm of the calls is caught.
    """
    if rows <= most:
        return np.arange(rows)
    bounds = np.arange(most + 1) * rows // most
    return np.random.default_rng(_SEED).integers(bounds[:-1], bounds[1:])

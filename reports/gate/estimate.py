"""How much worse new runs are than those before: over pairs of a seed, or against the spread there was."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.figures.quantiles import quantile
from reports.gate.decide import Worse
from reports.gate.metrics import Metric
from reports.statistics.paired import FEWEST_PAIRS, log_ratios, median, of_log_ratios
from reports.statistics.student import t95

#: Runs from whose spread a new one is predicted.
FEWEST_RUNS = 6

#: Of comparisons of a thing with itself, so many differ by less than what is called the noise.
NOISE_SHARE = 0.95

#: Values of a metric, a run each, by the seed of the runs.
BySeed = Mapping[int, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """How much worse it got; `way` says how that was found, `hint` what would tell more, in words."""

    worse: Worse
    way: str
    hint: str = ""


def estimate(metric: Metric, base: BySeed, new: BySeed) -> Estimate | None:
    """Over pairs where there are enough, else against the spread of the base runs; None of too few.

    The spread is that of runs of one seed, where there are enough; else it holds the seeds' own, far larger.
    """
    pairs = [
        pair
        for seed in base
        for pair in zip(base[seed], new.get(seed, ()), strict=False)  # what has no other half is no pair
    ]
    if len(pairs) >= FEWEST_PAIRS:
        found = of_log_ratios(_changes(metric, pairs))
        difference = median([_apart(before, after) for before, after in pairs])
        worse = _worse(metric, found.log_ratio, found.low, found.high, difference)
        return Estimate(worse, f"{len(pairs)} pairs")
    runs = len(_all(base))
    if runs < FEWEST_RUNS:
        return None
    seeds = len(base)
    within = runs - seeds >= FEWEST_RUNS - 1
    if not within:
        base, new = {0: _all(base)}, {0: _all(new)}
    change, low, high = predicted(_scaled(metric, base), _scaled(metric, new))
    difference, *_ = predicted(base, new)
    worse = _worse(metric, change, low, high, difference)
    if within:
        return Estimate(worse, f"spread of {runs} runs")
    hint = (
        f"seeds differ by more than runs: gate {FEWEST_PAIRS} seeds of the baseline, or base it on one seed"
    )
    return Estimate(worse, f"spread of {seeds} seeds", hint)


def noise(metric: Metric, sides: Iterable[BySeed]) -> tuple[float, int]:
    """The 95th percentile of |A/A|, and of how many: runs of one side and one seed, each with each other.

    0 where no two runs are alike.
    """
    apart = [
        abs(change)
        for side in sides
        for values in side.values()
        for change in _changes(metric, list(itertools.combinations(values, 2)))
    ]
    return (quantile(np.sort(apart), NOISE_SHARE), len(apart)) if apart else (0.0, 0)


def predicted(before: BySeed, after: BySeed) -> tuple[float, float, float]:
    """By how much the runs after are above those before of their seeds, in the mean, with its 95 % interval.

    Every seed after is one before. With n runs before of g seeds, s^2 = sum((x - seed's mean)^2) / (n - g).
    Of k runs after, k_i are of seed i, which has n_i before; the half width is
    t(n - g) s sqrt(1 / k + sum(k_i^2 / n_i) / k^2). For one seed that is the prediction interval,
    t(n - 1) s sqrt(1 / k + 1 / n). Where a value is infinite there is no spread: the change is infinite, or
    none, if all pairs of a seed say so alike, else nan.
    """
    if not all(map(math.isfinite, (*_all(before), *_all(after)))):
        apart = {_apart(b, a) for seed, values in after.items() for b in before[seed] for a in values}
        change = apart.pop() if len(apart) == 1 else math.nan
        change = change if math.isinf(change) or change == 0 else math.nan
        return change, change, change
    means = {seed: float(np.mean(values)) for seed, values in before.items()}
    n, k = len(_all(before)), len(_all(after))
    free = n - len(before)
    squares = sum((x - means[seed]) ** 2 for seed, values in before.items() for x in values)
    change = sum(x - means[seed] for seed, values in after.items() for x in values) / k
    of_means = sum(len(values) ** 2 / len(before[seed]) for seed, values in after.items()) / k**2
    half = t95(free) * math.sqrt(squares / free * (1 / k + of_means))
    return change, change - half, change + half


def _scaled(metric: Metric, values: BySeed) -> BySeed:
    return {seed: [metric.scale(value) for value in some] for seed, some in values.items()}


def _changes(metric: Metric, pairs: Sequence[tuple[float, float]]) -> list[float]:
    if metric.points:
        return [new - base for base, new in pairs]
    return log_ratios([base for base, _ in pairs], [new for _, new in pairs])


def _worse(metric: Metric, change: float, low: float, high: float, difference: float) -> Worse:
    if metric.side < 0:
        return Worse(change, low, high, difference)
    return Worse(-change, -high, -low, -difference)


def _apart(before: float, after: float) -> float:
    """What is added from before to after; two infinities are not apart."""
    return 0.0 if before == after else after - before


def _all(values: BySeed) -> list[float]:
    return [value for some in values.values() for value in some]

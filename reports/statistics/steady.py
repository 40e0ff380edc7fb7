"""The steady part of a run: what to leave out at both ends, and whether the rest is steady at all."""

from __future__ import annotations

import math

import numpy as np

from reports.figures.quantiles import quantile
from reports.reading.run import Floats, Schedule

#: Observations a batch of MSER-5 (White, 1997).
MSER_BATCH = 5

#: The warm-up may take so much of a run, and the drain so much of its window.
MOST_WARM_UP = 0.5
MOST_DRAIN = 0.1

#: The drain is as long as this share of ok calls at most.
DRAIN_QUANTILE = 0.99

#: Batches whose order is tested, and calls each must hold.
BATCHES = 40
FEWEST_IN_BATCH = 5

#: One-sided 1 % of the normal distribution: independent values are called alike so often.
_Z99 = 2.326348

#: Of a run two things are asked, each with half of 1 %: one-sided, and two-sided.
_Z995, _Z9975 = 2.575829, 2.807034

RULE = (
    "Warm-up: MSER-5 over call latency, a failed call as slow as the slowest ok one; at most half the run."
    " Drain: the calls due within the last p99 of ok latency, at most a tenth of the window. Steady: a"
    f" constant offered rate, and {BATCHES} batches of log latency without a trend, and no more like their"
    " neighbours than chance has it (von Neumann's ratio); false alarm 1 % in all."
)

CHANGES = "the offered load changes over the run: an interval needs several runs"


def offered_changes(schedule: Schedule) -> bool:
    """Whether the offered load changes by design, as an evening's does."""
    if schedule.window is not None:
        return True
    rates = [rate for _, rate in schedule.curve or ()]
    return any(not math.isclose(rate, rates[0], rel_tol=1e-6) for rate in rates)


def tame(latency: Floats) -> Floats:
    """Latencies, one at least finite; the infinite ones, of failed calls, as slow as the slowest that is."""
    finite = np.isfinite(latency)
    return np.where(finite, latency, latency[finite].max())


def drain(ok_latency: Floats, window: float) -> float:
    """How much of the end of the window is left out, in its unit; of one ok call or more.

    A call due in the last stretch that is as long as nearly all calls take ends while the load falls.
    """
    return min(quantile(np.sort(ok_latency), DRAIN_QUANTILE), MOST_DRAIN * window)


def warm_up(series: Floats) -> int | None:
    """How many of the first samples are warm-up; None where it is not over by half of them.

    MSER-5 (White, An effective truncation heuristic for bias reduction in simulation output, 1997): with Y
    the means of k consecutive batches of five, the d that minimises sum over i > d of
    (Y_i - mean)^2 / (k - d)^2, the squared standard error of the mean of what is left.
    """
    k = len(series) // MSER_BATCH
    if k == 0:
        return 0
    means = series[: k * MSER_BATCH].reshape(k, MSER_BATCH).mean(axis=1)
    means -= means.mean()  # sums of squares keep their digits
    left = np.arange(k, 0, -1)
    sums, squares = np.cumsum(means[::-1])[::-1], np.cumsum(means[::-1] ** 2)[::-1]
    most = int(k * MOST_WARM_UP)
    error = ((squares - sums**2 / left) / left**2)[: most + 1]
    first = int(np.argmin(error))
    return None if first == most > 0 else first * MSER_BATCH


def resemblance(values: Floats) -> float:
    """How much neighbours resemble each other: von Neumann's ratio as a normal deviate, negative if they do.

    (sum of (x_i+1 - x_i)^2 / sum of (x_i - mean)^2 - 2) / sqrt(4 (n - 2) / (n^2 - 1)); 0 where all are equal
    (von Neumann, Distribution of the ratio of the mean square successive difference to the variance, 1941).
    Three values or more.
    """
    n, off = len(values), values - values.mean()
    around = float((off**2).sum())
    if around <= n * (1e-12 * float(np.abs(values).max())) ** 2:  # rounding is no spread
        return 0.0
    ratio = float((np.diff(values) ** 2).sum()) / around
    return (ratio - 2) / math.sqrt(4 * (n - 2) / (n**2 - 1))


def alike(values: Floats) -> bool:
    """Whether neighbours resemble each other more than chance has it, but once in a hundred."""
    return resemblance(values) < -_Z99


def trend(values: Floats) -> float:
    """How much values rise: their correlation with their place, r sqrt(n - 1), as a normal deviate.

    0 where all are equal. Two values or more.
    """
    n, off = len(values), values - values.mean()
    around = float((off**2).sum())
    if around <= n * (1e-12 * float(np.abs(values).max())) ** 2:  # rounding is no spread
        return 0.0
    place = np.arange(n) - (n - 1) / 2
    return float((off * place).sum() / math.sqrt(around * float((place**2).sum())) * math.sqrt(n - 1))


def too_few(series: Floats) -> str:
    """Whether the calls are too few to tell anything of; empty if they are not."""
    least = BATCHES * FEWEST_IN_BATCH
    return f"{len(series):,} calls: {least:,} are needed to tell" if len(series) < least else ""


def wanders(series: Floats) -> str:
    """Why a series of positive, finite latencies is not steady; empty where it may be."""
    if few := too_few(series):
        return few
    # On the scale of logs one slow call does not outweigh its batch, and twice as slow is twice as slow.
    tiny = np.finfo(np.float64).tiny
    means = np.array([np.log(np.maximum(batch, tiny)).mean() for batch in np.array_split(series, BATCHES)])
    drift = trend(means)
    if abs(drift) > _Z9975:
        return "latency rises over the run" if drift > 0 else "latency falls over the run"
    if resemblance(means) < -_Z995:
        return f"latency swings more slowly than {BATCHES} batches tell apart"
    return ""

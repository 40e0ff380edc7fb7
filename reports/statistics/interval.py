"""Intervals of quantiles over several runs, which are what is independent: calls of one run are not.

A quantile of one run is biased where its tail is thin, and its distribution over runs is skewed; the share of
calls beyond a *given* latency is neither, or much less. So the interval is got by inverting a test: it holds
every latency x at which the share beyond x, over runs, does not contradict 1 - q (Woodruff, Confidence
intervals for medians and other position measures, 1952; with the ratio estimator for runs of unlike sizes,
Cochran, Sampling techniques, 6.3, and on the scale of log odds, which keeps shares of thin tails within 0 and
1: Korn and Graubard, Analysis of health surveys, 3.4).

What it covers, and what the refusals are for, is measured in tests/reports/statistics/test_coverage.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reports.figures.quantiles import LEAST_SAMPLES, quantile
from reports.reading.run import Floats
from reports.statistics.student import t95
from reports.statistics.swings import swings

#: Runs an interval needs, and runs that must have calls beyond the quantile: of fewer, the spread is a guess.
FEWEST_RUNS = 6

#: Swings from the fastest quarter of calls to the slowest, times 1 - q: about as many times was the tail
#: visited independently. Under five visits nominal 95 % intervals cover less than 90 % (test_coverage).
FEWEST_VISITS = 5.0

#: But where every run has about the same share beyond the quantile, as evenings with the same peak do, that
#: is enough: the standard error of the share, relative to it. A queue whose tail was hardly seen looks so in
#: under 1 % of tries.
MOST_UNEVEN = 0.15

REFUSALS = (
    f"none where latency swung from fastest to slowest quarter under {FEWEST_VISITS:g} / (1 - q) times,"
    f" unless the share of calls beyond is known to {100 * MOST_UNEVEN:g} %"
)
RULE = f"95 % intervals over runs, by test inversion; none of fewer than {FEWEST_RUNS} runs, {REFUSALS}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A quantile and its 95 % interval, whose ends may be infinite; `why` says why there is none.

    `value` is that of all samples together; None where they are too few for the quantile at all.
    """

    value: float | None
    low: float | None
    high: float | None
    why: str = ""


@dataclass(frozen=True)
class Sample:
    """Runs that are independent of each other: the latencies of each, in order of time. Infinite ones failed.

    `words` are what one run and several are called; `joined` ones follow each other without a break, as
    batches of one run do. (No slots: what is sorted is sorted once.)
    """

    runs: Sequence[Floats]
    words: tuple[str, str] = ("run", "runs")
    joined: bool = False

    @cached_property
    def sizes(self) -> Floats:
        """Samples of each run."""
        return np.array([len(run) for run in self.runs], dtype=np.float64)

    @cached_property
    def ordered(self) -> list[Floats]:
        """Each run, sorted."""
        return [np.sort(run) for run in self.runs]

    @cached_property
    def pooled(self) -> Floats:
        """All samples, sorted."""
        joined = np.concatenate((np.empty(0), *self.ordered))
        # A stable sort merges what is in order already.
        joined.sort(kind="stable")
        return joined

    @cached_property
    def swings(self) -> int:
        """How often latency went from the fastest quarter of all samples to the slowest, over all runs."""
        low, high = quantile(self.pooled, 0.25), quantile(self.pooled, 0.75)
        series = [np.concatenate(self.runs)] if self.joined else self.runs
        return sum(swings(run, low, high) for run in series)

    def beyond(self, x: float) -> Floats:
        """Of each run: how many samples are greater than `x`."""
        found = [len(run) - int(np.searchsorted(run, x, side="right")) for run in self.ordered]
        return np.array(found, dtype=np.float64)


def estimate(sample: Sample, name: str) -> Estimate:
    """A percentile by its name, as `p99`, with its interval over the runs."""
    q, least = LEAST_SAMPLES[name]
    if len(sample.pooled) < least:
        return Estimate(None, None, None, f"{len(sample.pooled):,} calls: {name} needs {least:,}")
    value = quantile(sample.pooled, q)
    why = refused(sample, name)
    return Estimate(value, None, None, why) if why else Estimate(value, *interval(sample, q))


def refused(sample: Sample, name: str) -> str:
    """Why the runs cannot carry an interval of a percentile; empty where they can."""
    q, _ = LEAST_SAMPLES[name]
    one, several = sample.words
    if len(sample.runs) < FEWEST_RUNS:
        return (
            f"{len(sample.runs)} {one if len(sample.runs) == 1 else several}: an interval needs {FEWEST_RUNS}"
        )
    if _repeated(sample.ordered):
        return f"two of the {several} are the same, call by call: they count once"
    # Calls at the quantile or beyond it: it may be infinite, and nothing is beyond that.
    reaching = sample.beyond(math.nextafter(quantile(sample.pooled, q), -math.inf))
    reached = int(np.count_nonzero(reaching))
    if reached < FEWEST_RUNS:
        return f"{reached} of {len(sample.runs)} {several} reach the {name}: {FEWEST_RUNS} must"
    needed = math.ceil(FEWEST_VISITS / (1 - q) - 1e-9)
    share, error = _share(reaching, sample.sizes)
    if sample.swings < needed and error >= MOST_UNEVEN * share:
        swung = f"latency swung from low to high {sample.swings:,} times"
        return f"{swung}, {several} differ: {name} needs {needed:,}"
    return ""


def interval(sample: Sample, q: float) -> tuple[float, float]:
    """The latencies x at which the share of calls beyond x does not contradict 1 - q.

    From the least sample that is not too low to the one above the greatest that is not too high: the share
    is constant between samples. The quantile itself is always within. Two runs or more.
    """
    pooled = sample.pooled
    at = min(int(len(pooled) * q), len(pooled) - 1)
    low, high = at, at
    below, above = -1, len(pooled)
    while low - below > 1:
        middle = (low + below) // 2
        if _contradicts(sample, float(pooled[middle]), q):
            below = middle
        else:
            low = middle
    while above - high > 1:
        middle = (high + above) // 2
        if _contradicts(sample, float(pooled[middle]), q):
            above = middle
        else:
            high = middle
    value = quantile(pooled, q)
    return min(value, float(pooled[low])), max(value, float(pooled[min(high + 1, len(pooled) - 1)]))


def _contradicts(sample: Sample, x: float, q: float) -> bool:
    """Whether the share beyond x, p = sum k / sum n over runs with k of n beyond, is far from 1 - q.

    Far is |logit p - logit(1 - q)| > t s / (p (1 - p)), with s^2 = sum (k - p n)^2 / (R (R - 1) mean(n)^2).
    """
    share, error = _share(sample.beyond(x), sample.sizes)
    if share in (0.0, 1.0):
        return True
    off = math.log(share / (1 - share)) - math.log((1 - q) / q)
    return abs(off) > t95(len(sample.sizes) - 1) * error / (share * (1 - share))


def _share(hits: Floats, sizes: Floats) -> tuple[float, float]:
    """The share p = sum k / sum n over runs with k hits of n, and the ratio estimator's standard error s."""
    share, runs = float(hits.sum() / sizes.sum()), len(sizes)
    spread = math.sqrt(float(((hits - share * sizes) ** 2).sum()) / (runs * (runs - 1)))
    return share, spread / float(sizes.mean())


def _repeated(runs: Sequence[Floats]) -> bool:
    """Whether two runs have the same samples, as virtual runs of one seed do."""
    return any(np.array_equal(a, b) for i, a in enumerate(runs) for b in runs[:i] if len(a) == len(b) > 0)

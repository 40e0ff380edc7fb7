"""What nominal 95 % intervals cover, on queues at 85 % load, and on evenings, whose quantiles are known.

`pytest -m slow -s tests/reports/statistics/test_coverage.py` prints the tables. Naive ways stand beside ours:
the percentile bootstrap over all calls as if they were independent (in its limit, which is in closed form:
the samples at n q -+ 1.96 sqrt(n q (1 - q)) of n in order), and Student's t on the quantiles of the runs.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from reports.figures.quantiles import LEAST_SAMPLES
from reports.reading.run import Floats
from reports.statistics import steady
from reports.statistics.batches import batches, estimate_within
from reports.statistics.interval import Estimate, Sample, estimate
from reports.statistics.student import half_width
from tests.reports.statistics import queues
from tests.reports.statistics.queues import Source

NAMES = ("p50", "p95", "p99")

#: Fewer intervals that were given say nothing about how many of them cover.
FEWEST_GIVEN = 100


@dataclass(frozen=True, slots=True)
class Size:
    """What is simulated: so many runs of so many calls, tried so many times."""

    source: Source
    runs: int
    calls: int
    tries: int

    def __str__(self) -> str:
        return f"{self.source.name}, {self.runs} x {self.calls:,} calls, {self.tries} tries"


@dataclass(slots=True)
class Tally:
    """Of one percentile: how many intervals were given, and how many hold the truth."""

    given: int = 0
    held: Counter[str] = field(default_factory=Counter)

    @property
    def covered(self) -> float:
        """Of those that were given."""
        return self.held["ours"] / self.given if self.given else float("nan")

    @property
    def wrong(self) -> int:
        """Intervals that were given and do not hold the truth."""
        return self.given - self.held["ours"]


Tallies = dict[str, Tally]


def samples(size: Size) -> Iterator[list[Floats]]:
    """The runs of every try."""
    rng = np.random.default_rng(size.runs * size.calls)
    for _ in range(size.tries):
        yield list(size.source.latencies(rng, size.runs, size.calls))


def tally(size: Size) -> Tallies:
    """Every try, by our interval over runs (or over batches of a single one) and by the naive ones."""
    found = {name: Tally() for name in NAMES}
    for runs in samples(size):
        sample = batches(runs[0]) if size.runs == 1 else Sample(runs)
        for name in NAMES:
            q = LEAST_SAMPLES[name][0]
            true, of = size.source.truth(q, size.calls), found[name]
            ours = estimate_within(sample, name) if size.runs == 1 else estimate(sample, name)
            of.given += ours.low is not None
            of.held["ours"] += _holds(ours, true)
            of.held["calls"] += _bootstrap_holds(sample.pooled, q, true)
            of.held["t"] += _t_holds(sample, q, true)
    return found


def _holds(ours: Estimate, true: float) -> bool:
    return ours.low is not None and ours.high is not None and ours.low <= true <= ours.high


def _bootstrap_holds(ordered: Floats, q: float, true: float) -> bool:
    n = len(ordered)
    half = 1.96 * np.sqrt(n * q * (1 - q))
    low, high = int(n * q - half), min(int(n * q + half) + 1, n - 1)
    return bool(ordered[low] <= true <= ordered[high])


def _t_holds(sample: Sample, q: float, true: float) -> bool:
    each = [float(np.quantile(run, q)) for run in sample.ordered]
    return abs(float(np.mean(each)) - true) <= half_width(each)


def table(size: Size, found: Tallies) -> str:
    """As it is printed and as a failure shows it."""
    heading = (
        "       covered  refused  wrong, of all   bootstrap over calls   t on quantiles of runs or batches"
    )
    lines = [str(size), heading]
    for name, of in found.items():
        covered = f"{of.covered:7.1%}" if of.given else "      –"
        refused = f"{1 - of.given / size.tries:7.1%}"
        naive = f"{of.held['calls'] / size.tries:20.1%}   {of.held['t'] / size.tries:22.1%}"
        lines.append(f"  {name}  {covered}  {refused}  {of.wrong / size.tries:13.1%}   {naive}")
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "size",
    [
        Size(queues.MARKOV, runs=8, calls=20_000, tries=500),
        Size(queues.MARKOV, runs=12, calls=20_000, tries=500),
        Size(queues.MARKOV, runs=8, calls=100_000, tries=200),
        Size(queues.CONSTANT, runs=8, calls=20_000, tries=400),
        Size(queues.LOGNORMAL, runs=12, calls=20_000, tries=400),
        Size(queues.MARKOV, runs=1, calls=20_000, tries=500),
        Size(queues.MARKOV, runs=1, calls=200_000, tries=300),
    ],
    ids=str,
)
def test_intervals_cover_what_they_promise(size: Size) -> None:
    found = tally(size)
    told = table(size, found)
    sys.stdout.write(f"\n{told}\n")
    for name, of in found.items():
        if of.given >= FEWEST_GIVEN:
            assert 0.90 <= of.covered <= 0.98, f"{name}\n{told}"
    # Every size carries a p50 nearly always; several runs of these sizes carry a p99, too.
    assert found["p50"].given > 0.95 * size.tries, told
    assert size.runs == 1 or found["p99"].given > 0.9 * size.tries, told
    # As if calls were independent, three of four intervals are wrong.
    assert all(of.held["calls"] < 0.5 * size.tries for of in found.values()), told


@pytest.mark.slow
def test_evenings_that_are_alike_need_not_swing() -> None:
    size = Size(queues.EVENING, runs=8, calls=2_000, tries=500)
    found = tally(size)
    told = table(size, found)
    sys.stdout.write(f"\n{told}\n")
    for name in ("p50", "p95"):
        assert found[name].given == size.tries, told
        assert 0.90 <= found[name].covered <= 0.98, told
    assert found["p99"].wrong < 0.05 * size.tries, told


@pytest.mark.slow
def test_queues_are_called_unsteady_seldom_and_what_drifts_often() -> None:
    rng = np.random.default_rng(6)
    runs = [*queues.MARKOV.latencies(rng, 300, 50_000)]
    alarms = np.mean([steady.wanders(run) != "" for run in runs])
    drifts = np.mean([steady.wanders(run * np.linspace(1, 2, len(run))) != "" for run in runs])
    short = np.mean([steady.wanders(run[:10_000]) != "" for run in runs])
    sys.stdout.write(
        f"\nsteady M/M/1 runs called unsteady: {alarms:.1%}; of a fifth of the length {short:.1%}\n"
    )
    sys.stdout.write(f"those that become twice as slow: {drifts:.1%}\n")
    assert alarms < 0.04
    # A batch of 250 calls does not outlast this queue's memory.
    assert short < 0.2
    assert drifts > 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "name"),
    [
        (Size(queues.MARKOV, runs=8, calls=8_000, tries=500), "p99"),
        (Size(queues.MARKOV, runs=6, calls=10_000, tries=500), "p99"),
        (Size(queues.MARKOV, runs=1, calls=12_000, tries=800), "p95"),
    ],
    ids=str,
)
def test_at_the_edge_of_refusal_few_are_wrong(size: Size, name: str) -> None:
    found = tally(size)
    told = table(size, found)
    sys.stdout.write(f"\n{told}\n")
    # Some tries swing often enough for an interval, and some do not. Those that do have seen less of the tail
    # than there is, so that fewer of their intervals hold: no rule that looks at the data can help it. Of all
    # tries, no more are given a wrong one than a confidence of 90 % would have it.
    assert 0.05 < found[name].given / size.tries < 0.8, told
    assert found[name].wrong < 0.10 * size.tries, told


@pytest.mark.slow
@pytest.mark.parametrize(
    "size",
    [
        Size(queues.MARKOV, runs=12, calls=2_000, tries=400),
        Size(queues.MARKOV, runs=8, calls=3_000, tries=400),
        Size(queues.MARKOV, runs=1, calls=10_000, tries=400),
    ],
    ids=str,
)
def test_a_tail_that_was_hardly_seen_is_refused(size: Size) -> None:
    found = tally(size)
    told = table(size, found)
    sys.stdout.write(f"\n{told}\n")
    assert found["p99"].given < 0.02 * size.tries, told
    assert found["p50"].covered >= 0.90, told
    # Not because we are hard to please: here the usual t-interval is wrong far more often than it says.
    assert found["p99"].held["t"] < 0.85 * size.tries, told

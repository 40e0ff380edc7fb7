"""Runs drawn from a stated noise, to see how often the gate's own decision is right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from reports.gate.judge import judge
from reports.gate.metrics import METRICS, Figure
from reports.gate.record import RunRecord
from reports.gate.verdict import Check, Outcome

#: What runs are like when nothing has changed: latencies in ms, a rate, a ratio, a share.
USUAL = {
    "call_latency.p50": 2000.0,
    "call_latency.p95": 6000.0,
    "call_latency.p99": 11_000.0,
    "call_latency_all.p50": 2050.0,
    "call_latency_all.p95": 6500.0,
    "e2el.p95": 5000.0,
    "request_goodput": 18.0,
    "amplification": 1.15,
    "failed_share": 0.02,
}

#: Of a metric's deviation between seeds, in logs: evenings differ by far more than runs of one.
SEED_SD = 0.2

#: A run that was slow was so in all its metrics, half of the variance is of that.
SHARED = 0.5

#: Rates and ratios of whole runs hardly move; shares of failures do, as everything rare.
TIMES = {"request_goodput": 0.3, "amplification": 0.3, "failed_share": 3.0}


class Runs:
    """Draws runs whose figures are lognormal: `sd` is that of a run's own noise, in logs, of a latency."""

    def __init__(self, seed: int, sd: float) -> None:
        self._draw = np.random.default_rng(seed)
        self._sd = sd

    def evening(self) -> dict[str, float]:
        """What a seed does to each metric, in logs: the same to every run of it."""
        return {name: self._draw.normal(0, SEED_SD) * min(1.0, TIMES.get(name, 1.0)) for name in USUAL}

    def run(self, seed: int, evening: dict[str, float], slower: float = 0.0) -> RunRecord:
        """A run whose latencies are slower by a fraction."""
        common, figures = self._draw.normal(), {}
        for name, usual in USUAL.items():
            own = math.sqrt(SHARED) * common + math.sqrt(1 - SHARED) * self._draw.normal()
            log = math.log(usual) + evening[name] + self._sd * TIMES.get(name, 1.0) * own
            if METRICS[name].latency:
                log += math.log1p(slower)
            figures[name] = Figure(math.exp(log), 5000)
        return RunRecord(f"seed {seed}", seed, 5000, (), figures)

    def abba(self, pairs: int, slower: float = 0.0) -> tuple[list[RunRecord], list[RunRecord]]:
        """Both sides of a comparison: two pairs of a seed each."""
        base, new = [], []
        for block in range(pairs // 2):
            evening = self.evening()
            base += [self.run(block, evening) for _ in range(2)]
            new += [self.run(block, evening, slower) for _ in range(2)]
        return base, new

    def of_seeds(self, seeds: Iterable[int], evenings: dict[int, dict[str, float]]) -> list[RunRecord]:
        """A run a seed."""
        return [self.run(seed, evenings[seed]) for seed in seeds]


def gate(base: Sequence[RunRecord], new: Sequence[RunRecord], tolerance: float = 0.05) -> Outcome:
    """What the gate says of them, by its own rules."""
    return Outcome("", tuple(judge(tuple(METRICS.values()), base, new, tolerance, asked=False)))


def of(outcome: Outcome, name: str) -> Check:
    """The check of a metric."""
    return next(check for check in outcome.checks if check.name == name)

"""What is gated of one run: its raw samples, sorted once, and its plain figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from reports.figures import checks, metrics, streams
from reports.figures.objectives import Objective
from reports.reading.run import NS_PER_MS, Floats, Run
from reports.summary.result import Summary, summarise

#: Samples in milliseconds, by name. A failed call is infinite in call_latency_all.
LATENCIES: dict[str, Callable[[Run], Floats]] = {
    "call_latency": lambda run: metrics.call_latency_ms(run.calls),
    "call_latency_all": lambda run: metrics.call_latency_all_ms(run.calls),
    "e2el": metrics.e2el_ms,
    "ttft": streams.ttft_ms,
    "itl": streams.itl_ms,
    "tpot": streams.tpot_ms,
    "permit_wait": lambda run: run.calls.permit_wait_ns / NS_PER_MS,
    "backoff": lambda run: run.calls.backoff_ns / NS_PER_MS,
    "schedule_lag": lambda run: metrics.schedule_lag_ms(run.calls),
    "loop_lag": lambda run: metrics.loop_lag_ms(run.events),
}

#: The fewest samples that a percentile is gated on (facts: under 3,000 the interval of a p99 is wider than
#: what a gate is to see, and a p99.9 needs ten times as many).
LEAST_SAMPLES = {0.5: 200, 0.9: 500, 0.95: 1000, 0.99: 3000, 0.999: 30_000}

#: Beyond them: so many samples are to lie above the percentile.
_LEAST_BEYOND = 30


def least_samples(share: float) -> int:
    """The fewest samples a percentile is gated on: those of the next listed one."""
    share = max(share, 1 - share)
    for listed, least in LEAST_SAMPLES.items():
        if share <= listed + 1e-12:
            return least
    return math.ceil(_LEAST_BEYOND / (1 - share) - 1e-6) if share < 1 else 1


class Sampled:
    """A run, with what it comes to computed when it is asked for."""

    def __init__(self, run: Run, objectives: Sequence[Objective]) -> None:
        self.run = run
        self.objectives = objectives
        self._sorted: dict[str, Floats] = {}

    def ordered(self, name: str) -> Floats:
        """The samples of a latency, in milliseconds, sorted."""
        if name not in self._sorted:
            self._sorted[name] = np.sort(LATENCIES[name](self.run))
        return self._sorted[name]

    @cached_property
    def degraded(self) -> tuple[str, ...]:
        """Why the run is not to be trusted; empty for a sound one."""
        return tuple(checks.degraded(self.run))

    @cached_property
    def summary(self) -> Summary:
        """The document of `summary.json`."""
        return summarise(self.run, self.objectives)

    def plain(self, name: str) -> Any:
        """A figure of the summary by its dotted name; None where there is none."""
        found: Any = self.summary
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found

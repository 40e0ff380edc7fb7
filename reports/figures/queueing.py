"""What a queue before the API did: how soon it accepted, how long tasks waited, how deep it was."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from reports.figures.totals import Samples, finite, percentiles
from reports.reading.run import ABSENT, NS_PER_MS, NS_PER_S, Floats, Queued, QueueUsed, Run

#: So little of the greatest depth is left when a backlog counts as drained.
DRAINED = 0.05


@dataclass(frozen=True, slots=True)
class Backlog:
    """How the queue stood, as the run sampled it: tasks that waited, that ran, and the age of the oldest."""

    at_s: Floats
    depth: Floats
    processing: Floats
    age_s: Floats


def backlog(run: Run) -> Backlog:
    """The samples of a run, in the order of time."""
    depth = run.events.named("queue_depth")
    return Backlog(
        depth.at_ns / NS_PER_S,
        depth.value,
        run.events.named("queue_processing").value[: len(depth.value)],
        run.events.named("queue_age").value[: len(depth.value)],
    )


def acceptance_ms(run: Run, queued: Queued) -> Floats:
    """Of every accepted call: accepted - intended, what a customer waits for who only hands a task in."""
    accepted = queued.accepted_ns != ABSENT
    took_ns = queued.accepted_ns[accepted] - run.calls.intended_ns[accepted]
    return np.asarray(took_ns / NS_PER_MS, dtype=np.float64)


def wait_ms(queued: Queued) -> Floats:
    """Of every call that was taken up: taken up - accepted; zero where its worker beat the answer."""
    taken = (queued.accepted_ns != ABSENT) & (queued.taken_up_ns != ABSENT)
    waited_ns = np.maximum(queued.taken_up_ns[taken] - queued.accepted_ns[taken], 0)
    return np.asarray(waited_ns / NS_PER_MS, dtype=np.float64)


def drain_after_peak_s(found: Backlog) -> float | None:
    """From the greatest depth until at most 5 % of it (or one task) is left; infinite if it never was.

    The first of equal depths counts. None where nothing ever waited.
    """
    if len(found.depth) == 0 or found.depth.max() == 0:
        return None
    top = int(found.depth.argmax())
    left = np.flatnonzero(found.depth[top:] <= max(1.0, DRAINED * found.depth[top]))
    return float(found.at_s[top + left[0]] - found.at_s[top]) if len(left) else math.inf


def ends_s(found: Backlog, window_s: float) -> float:
    """How far a picture of the backlog reaches: to its last sample, for it drains after the last arrival."""
    return max(window_s, float(found.at_s.max(initial=0.0)))


def document(run: Run) -> dict[str, Any] | None:
    """The `queue` of `summary.json`; None of a run without one."""
    used, queued = run.manifest.queue, run.queued
    if used is None or queued is None:
        return None
    totals = QueueTotals(used)
    totals.add(run)
    return totals.figures()


class QueueTotals:
    """The sums of a run's queue: `add` the run, or its parts in the order of time."""

    def __init__(self, used: QueueUsed) -> None:
        self._used = used
        self._counts: Counter[str] = Counter()
        self._acceptance_ms, self._wait_ms = Samples(), Samples()
        self._stood: list[Backlog] = []

    def add(self, run: Run) -> None:
        """A run through the queue, or one more part of it."""
        queued = run.queued
        if queued is None:
            raise ValueError("a run without a queue has no figures of one")
        accepted = queued.accepted_ns != ABSENT
        for name, which in (
            ("accepted", accepted),
            ("refused", ~accepted & (run.calls.outcome == "rejected")),
            ("never_taken_up", accepted & (queued.taken_up_ns == ABSENT)),
            ("left", accepted & (run.calls.outcome == "cancelled")),
        ):
            self._counts[name] += int(np.count_nonzero(which))
        self._acceptance_ms.add(acceptance_ms(run, queued))
        self._wait_ms.add(wait_ms(queued))
        self._stood.append(backlog(run))

    def figures(self) -> dict[str, Any]:
        """The figures of all that was added."""
        found = self._backlog()
        return {
            "server": self._used.server,
            "workers": self._used.workers,
            "max_depth": self._used.settings.get("max_depth"),
            **{name: self._counts[name] for name in ("accepted", "refused", "never_taken_up", "left")},
            "acceptance_ms": percentiles(self._acceptance_ms.all()),
            "wait_ms": percentiles(self._wait_ms.all()),
            "depth_max": int(found.depth.max()) if len(found.depth) else None,
            "oldest_max_s": finite(float(found.age_s.max())) if len(found.age_s) else None,
            "drain_after_peak_s": finite(drain_after_peak_s(found)),
        }

    def course(self, bin_s: float) -> list[int]:
        """The greatest depth in each bin of the clock, to the last sample."""
        found = self._backlog()
        bins = (found.at_s // bin_s).astype(np.int64)
        deepest = np.zeros(int(bins.max(initial=-1)) + 1)
        np.maximum.at(deepest, bins, found.depth)
        return [int(depth) for depth in deepest]

    def _backlog(self) -> Backlog:
        if not self._stood:
            return Backlog(*(np.empty(0) for _ in range(4)))
        names = [field.name for field in fields(Backlog)]
        return Backlog(*(np.concatenate([getattr(some, name) for some in self._stood]) for name in names))

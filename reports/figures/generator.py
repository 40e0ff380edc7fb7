"""What a run cost its own generator: how busy each worker process was, what its garbage collector took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.reading.run import NS_PER_MS, NS_PER_S, Bools, Events, Floats, Ints

#: A shorter stretch says nothing of a busiest second.
LEAST_STRETCH_NS = NS_PER_S // 2


@dataclass(frozen=True, slots=True)
class Busy:
    """One element a stretch between two `cpu` rows of a worker, ordered by worker, then time.

    `fraction` = CPU seconds of its process / seconds; above 1 where native threads work beside Python's.
    """

    worker: Ints
    start_ns: Ints
    end_ns: Ints
    fraction: Floats


@dataclass(frozen=True, slots=True)
class Cpu:
    """A worker's busy fraction of one core: over the arrival window, and in its busiest stretch of a second.

    `peak` is None where no stretch is long enough.
    """

    worker: int
    mean: float
    peak: float | None


@dataclass(frozen=True, slots=True)
class Pauses:
    """The collections of the garbage collector: everything in their process stood still meanwhile."""

    n: int
    total_ms: float
    max_ms: float | None


def busy(events: Events) -> Busy:
    """The stretches of all workers. What came before a worker's first row is left out: it began unseen."""
    cpu = events.name == "cpu"
    worker, at_ns, spent_s = events.worker[cpu], events.at_ns[cpu], events.value[cpu]
    follows = (np.diff(worker) == 0) & (np.diff(at_ns) > 0)
    start_ns, end_ns = at_ns[:-1][follows], at_ns[1:][follows]
    fraction = spent_s[1:][follows] * NS_PER_S / (end_ns - start_ns)
    return Busy(worker[1:][follows], start_ns, end_ns, fraction)


def cpu(stretches: Busy, window_ns: int) -> list[Cpu]:
    """Each recorded worker's, by number. mean = CPU time / time, both of the part that lies in the window."""
    within = np.minimum(stretches.end_ns, window_ns) - np.maximum(stretches.start_ns, 0)
    in_window = within > 0
    return [
        _cpu(int(worker), stretches, within, in_window & (stretches.worker == worker))
        for worker in np.unique(stretches.worker[in_window])
    ]


def busiest(workers: list[Cpu]) -> Cpu | None:
    """The worker that was busiest over the window; None where none was recorded."""
    return max(workers, key=lambda c: c.mean, default=None)


def busiest_by_bin(stretches: Busy, edges_s: Floats) -> Floats:
    """The highest fraction of any stretch that reaches into each bin; nan where there is none."""
    start_s, end_s = stretches.start_ns / NS_PER_S, stretches.end_ns / NS_PER_S
    reaches = (start_s < edges_s[1:, None]) & (end_s > edges_s[:-1, None])
    highest = np.where(reaches, stretches.fraction, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(np.isneginf(highest), np.nan, highest)


def pauses(events: Events, worker: int | None = None) -> Pauses:
    """The pauses of a worker, or of all of them, until the end of the drain."""
    mine = events.name == "gc_pause"
    if worker is not None:
        mine &= events.worker == worker
    took_ms = events.value[mine] * NS_PER_S / NS_PER_MS
    return Pauses(len(took_ms), float(took_ms.sum()), float(took_ms.max()) if len(took_ms) else None)


def _cpu(worker: int, stretches: Busy, within: Ints, mine: Bools) -> Cpu:
    long_enough = mine & (stretches.end_ns - stretches.start_ns >= LEAST_STRETCH_NS)
    peak = stretches.fraction[long_enough].max(initial=-np.inf)
    mean = float(np.average(stretches.fraction[mine], weights=within[mine]))
    return Cpu(worker, mean, None if np.isneginf(peak) else float(peak))

"""How many requests were on the wire, and how many were allowed, at instants close together.

Counting arrivals and departures a step needs no sorting: ten million attempts take a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.figures.pieces import pieces
from reports.reading.run import NS_PER_S, Events, Floats, Ints, Run

#: Instants looked at: thousands in a short run, one a second in a long one, and never too many to hold.
FEWEST, MOST, LONGEST_STEP_NS = 2_000, 200_000, NS_PER_S


@dataclass(frozen=True, slots=True)
class Moments:
    """What stood at instant k * `step_ns` of the arrival window. `limit` is None where nothing bounds it."""

    step_ns: int
    in_flight: Ints
    limit: Floats | None

    def __len__(self) -> int:
        return len(self.in_flight)

    @property
    def at_ns(self) -> Ints:
        """The instants."""
        return np.arange(len(self)) * self.step_ns

    def of(self, at_ns: Ints) -> Ints:
        """The moment at or before each instant; instants outside count as the first or the last."""
        found = np.empty(len(at_ns), dtype=np.int32)
        for piece in pieces(len(at_ns)):
            found[piece] = np.clip(at_ns[piece] // self.step_ns, 0, len(self) - 1)
        return found

    def between(self, start_ns: Ints, end_ns: Ints) -> Ints:
        """How many intervals [start, end) hold each moment."""
        return _by(start_ns, self.step_ns, len(self)) - _by(end_ns, self.step_ns, len(self))

    def count(self, at_ns: Ints) -> Ints:
        """How many instants lie from each moment to the next; those outside the window in none."""
        found = np.zeros(len(self), dtype=np.int64)
        for piece in pieces(len(at_ns)):
            places = at_ns[piece] // self.step_ns
            within = (places >= 0) & (places < len(self))
            found += np.bincount(places[within], minlength=len(self))
        return found


def moments_of(run: Run) -> Moments:
    """Of the first choice: a fallback has permits of its own."""
    step_ns = _step_ns(run.window_ns)
    count = run.window_ns // step_ns + 1
    first = run.attempts.route == 0
    sent_ns, end_ns = run.attempts.sent_ns, run.attempts.end_ns
    if not first.all():
        sent_ns, end_ns = sent_ns[first], end_ns[first]
    begun, over = _by(sent_ns, step_ns, count), _by(end_ns, step_ns, count)
    return Moments(step_ns, begun - over, _limit(run, step_ns, count))


def _step_ns(window_ns: int) -> int:
    return max(1, min(window_ns // FEWEST, LONGEST_STEP_NS), window_ns // MOST)


def _by(at_ns: Ints, step_ns: int, count: int) -> Ints:
    """How many instants were at or before each moment."""
    found = np.zeros(count + 1, dtype=np.int64)
    for piece in pieces(len(at_ns)):
        places = np.clip(-(-at_ns[piece] // step_ns), 0, count)
        found += np.bincount(places, minlength=count + 1)
    return np.cumsum(found[:count])


def _limit(run: Run, step_ns: int, count: int) -> Floats | None:
    """The permits of all workers together: what they began with, then as their events say."""
    clients = run.manifest.clients
    begun = [_begun_with(run, worker) for worker in clients]
    changes = run.events.named("limit")
    total = np.zeros(count)
    for worker, first in zip(clients, begun, strict=True):
        if first is None:
            return None
        total += _stepped(first, changes[changes.worker == worker], step_ns, count)
    return total


def _stepped(first: float, changes: Events, step_ns: int, count: int) -> Floats:
    """`first` until the first change, then the value of the last change at or before each moment."""
    values = np.concatenate(([first], changes.value))
    done = np.searchsorted(changes.at_ns, np.arange(count) * step_ns, side="right")
    return np.asarray(values[done], dtype=np.float64)


def _begun_with(run: Run, worker: int) -> float | None:
    """A worker's permits at the start; where the manifest does not tell, its even share of the whole."""
    policy = run.manifest.policy
    own = policy.per_worker.get(str(worker))
    if isinstance(own, Mapping):
        return permits(own)
    whole = permits(policy.values)
    return None if whole is None else whole / len(run.manifest.clients)


def permits(values: Mapping[str, Any]) -> float | None:
    """The permits a policy starts with; None where it sets no bound, or none was recorded."""
    concurrency = values.get("concurrency")
    if not isinstance(concurrency, Mapping) or concurrency.get("kind") == "off":
        return None
    bound = concurrency.get("initial" if concurrency.get("kind") == "aimd" else "limit")
    return float(bound) if isinstance(bound, int | float) else None

"""What has been heard of a run from its workers: its course so far, where each stands, what happened.

Bounded whatever the length of a run: when its course has too many bins, two become one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from harness.play.pulse import Change, Gate, Histogram, Pulse, quantile_ns
from harness.units import NS

#: Of the course. More could not be told apart on a screen.
MOST_BINS = 600

#: Changes of one breaker that are kept, the latest; and happenings of the run.
MOST_STATES = 400
MOST_HAPPENINGS = 200

#: What is said of "now" is over so many seconds.
NOW_S = 5

#: A bin is shown once every worker has told of it, or after so long.
PATIENCE_S = 3

CLOSED = "closed"


@dataclass(slots=True)
class Bin:
    """A stretch of the run: what all workers counted in it, and where each stood at its end."""

    pulse: Pulse
    stood: dict[int, tuple[int, list[Gate]]] = field(default_factory=dict)

    def after(self, other: Bin) -> None:
        """Take in the bin that follows."""
        self.pulse.add(other.pulse)
        self.stood |= other.stood


@dataclass(slots=True)
class WorkerView:
    """One worker: where it stands, the last second it told of, when it was heard (clock of the master)."""

    in_flight: int = 0
    gates: list[Gate] = field(default_factory=list)
    told_second: int = -1
    heard_ns: int = 0
    states: dict[str, deque[tuple[float, str]]] = field(default_factory=dict)


class View:
    """One run, as its master has heard of it."""

    def __init__(self, workers: int) -> None:
        self.width_s = 1
        self.workers = [WorkerView() for _ in range(workers)]
        self.total = Pulse(0)
        self.happenings: deque[dict[str, Any]] = deque(maxlen=MOST_HAPPENINGS)
        self._happened = 0
        self._bins: list[Bin] = []
        self._recent: dict[int, Pulse] = {}

    def add(self, worker: int, pulse: Pulse, now_ns: int) -> None:
        """A worker's pulse has come."""
        seen = self.workers[worker]
        seen.in_flight, seen.gates = pulse.in_flight, pulse.gates
        seen.told_second, seen.heard_ns = max(seen.told_second, pulse.second), now_ns
        self.total.add(pulse)
        found = self._bin(pulse.second)
        found.pulse.add(pulse)
        found.stood[worker] = pulse.in_flight, pulse.gates
        self._recent.setdefault(pulse.second, Pulse(pulse.second)).add(pulse)
        for second in [s for s in self._recent if s < pulse.second - NOW_S - PATIENCE_S]:
            del self._recent[second]
        for change in pulse.changes:
            self._note(worker, seen, change)
        if pulse.untold:
            self.happen(pulse.second, "untold", worker=worker, count=pulse.untold)

    def happen(self, at_s: float, what: str, **details: object) -> None:
        """Something that everybody should hear of."""
        self._happened += 1
        self.happenings.append({"number": self._happened, "at_s": round(at_s, 2), "what": what, **details})

    def whole_s(self, elapsed_s: float, silent: frozenset[int] = frozenset()) -> int:
        """Up to which second the course is whole; nobody waits for workers that are `silent`."""
        told = [w.told_second + 1 for index, w in enumerate(self.workers) if index not in silent]
        return max(0, min(told, default=0), int(elapsed_s) - PATIENCE_S)

    def course(self, since: int, whole_s: int, *, over: bool = False) -> list[dict[str, Any]]:
        """Its bins from number `since` on, as far as they are whole; all of them once it is over."""
        until = len(self._bins) if over else whole_s // self.width_s
        return [
            _row(found, max(1, min(self.width_s, whole_s - number * self.width_s)))
            for number, found in enumerate(self._bins[since:until], since)
        ]

    def now(self, whole_s: int) -> dict[str, Any]:
        """The last few whole seconds."""
        pulse = Pulse(0)
        for second in range(whole_s - NOW_S, whole_s):
            if second in self._recent:
                pulse.add(self._recent[second])
        return _row(Bin(pulse), max(1, min(NOW_S, whole_s)))

    def overall(self, length_s: float) -> dict[str, Any]:
        """The whole of it; rates are over the time in which calls arrived."""
        return _row(Bin(self.total), max(1.0, length_s))

    def _bin(self, second: int) -> Bin:
        while second // self.width_s >= MOST_BINS:
            self._widen()
        number = second // self.width_s
        while len(self._bins) <= number:
            self._bins.append(Bin(Pulse(len(self._bins))))
        return self._bins[number]

    def _widen(self) -> None:
        """Two bins become one."""
        self.width_s *= 2
        for first, second in zip(self._bins[::2], self._bins[1::2], strict=False):
            first.after(second)
        self._bins = self._bins[::2]

    def _note(self, worker: int, seen: WorkerView, change: Change) -> None:
        states = seen.states.setdefault(change.name, deque(maxlen=MOST_STATES))
        states.append((round(change.at_s, 2), change.state))
        self.happen(change.at_s, "breaker", worker=worker, route=change.name, state=change.state)


def _row(found: Bin, covered_s: float) -> dict[str, Any]:
    """A bin as the page draws it: rates a second, times in milliseconds, None where there was nothing."""
    pulse, stood = found.pulse, list(found.stood.values())
    ended = sum(pulse.calls.values())
    first = [gates[0] for _, gates in stood if gates]
    return {
        "offered": pulse.scheduled / covered_s,
        "calls": {outcome: count / covered_s for outcome, count in pulse.calls.items()},
        "attempts": {outcome: count / covered_s for outcome, count in pulse.attempts.items()},
        "attempts_a_call": round(pulse.sent / ended, 3) if ended else None,
        "latency_ms": _some(pulse.latency, 0.5, 0.95),
        "ttft_ms": _some(pulse.ttft, 0.5, 0.95),
        "wait_ms": _some(pulse.wait, 0.5, 0.95),
        "lag_ms": _some(pulse.lag, 0.5, 0.99),
        "loop_lag_ms": round(pulse.loop_lag_s * 1000, 1),
        # By Little's law: calls begun to wait a second, times how long they wait, is how many do.
        "backing_off": round(pulse.backoff_s / covered_s, 2),
        "in_flight": sum(in_flight for in_flight, _ in stood),
        "held": sum(gate.held for gate in first) if first else None,
        "waiting": sum(gate.waiting for gate in first) if first else None,
        "limit": _sum_of([gate.limit for gate in first]),
    }


def _sum_of(limits: list[int | None]) -> int | None:
    """All of them together; None where one is unlimited, or there is none."""
    known = [limit for limit in limits if limit is not None]
    return sum(known) if known and len(known) == len(limits) else None


def _some(histogram: Histogram, *shares: float) -> list[float | None]:
    """Quantiles in milliseconds."""
    found = (quantile_ns(histogram, share) for share in shares)
    return [None if ns is None else round(ns / NS * 1000, 2) for ns in found]

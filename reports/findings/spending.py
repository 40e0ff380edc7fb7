"""What calls spent their time on: a queue, waiting for leave to send or between attempts, the wire."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.findings.facts import Facts
from reports.reading.run import ABSENT, Bools, Floats, Ints

IN_QUEUE, FOR_LEAVE, BETWEEN, ON_WIRE = (
    "waiting in the queue",
    "waiting for leave to send",
    "waiting between attempts",
    "on the wire",
)


@dataclass(frozen=True, slots=True)
class Spent:
    """Shares of some calls' time, by what it went by with; `in_queue` is None of a run without one.

    Of a queue they need not come to 1: of a task that was given back for another try, the waits before its
    last one are not recorded.
    """

    in_queue: float | None
    for_leave: float
    between: float
    wire: float

    @property
    def parts(self) -> list[tuple[str, float]]:
        """Each with its name, in the order a call goes through them."""
        queue = [] if self.in_queue is None else [(IN_QUEUE, self.in_queue)]
        return [*queue, (FOR_LEAVE, self.for_leave), (BETWEEN, self.between), (ON_WIRE, self.wire)]


def spent(facts: Facts, which: Bools, since_ns: Ints) -> Spent | None:
    """What the time of these calls went by with, from `since_ns` of each; None where there was none."""
    calls = facts.run.calls
    whole_ns = float((calls.end_ns - since_ns)[which].sum())
    if whole_ns <= 0:
        return None

    def share(of_ns: Ints | Floats) -> float:
        return min(1.0, float(of_ns[which].sum()) / whole_ns)

    queued_ns = _in_queue_ns(facts)
    return Spent(
        None if queued_ns is None else share(queued_ns),
        share(calls.permit_wait_ns),
        share(calls.backoff_ns),
        share(facts.once(_on_wire_ns)),
    )


def _on_wire_ns(facts: Facts) -> Floats:
    """Of each call: the time of its requests."""
    attempts, of = facts.run.attempts, facts.run.call_of_attempt
    known = of != ABSENT
    took_ns = (attempts.end_ns - attempts.sent_ns)[known]
    return np.bincount(of[known], weights=took_ns, minlength=facts.calls).astype(np.float64)


def _in_queue_ns(facts: Facts) -> Ints | None:
    """Of each call: from its acceptance until a worker took it up, or to its end where none did."""
    queued, end_ns = facts.run.queued, facts.run.calls.end_ns
    if queued is None:
        return None
    taken_ns = np.where(queued.taken_up_ns == ABSENT, end_ns, queued.taken_up_ns)
    waited_ns = np.maximum(taken_ns - queued.accepted_ns, 0)
    return np.where(queued.accepted_ns == ABSENT, 0, waited_ns)

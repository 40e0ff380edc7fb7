"""What the breakers did, from the changes that were recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.reading.run import Events

CLOSED = "closed"
OPEN = "open"


@dataclass(frozen=True, slots=True)
class Span:
    """A worker's breaker was in `state` from `start_ns` to `end_ns`."""

    state: str
    start_ns: int
    end_ns: int


def spans(events: Events, worker: int, until_ns: int) -> list[Span]:
    """The states of one worker's breaker, end to end from 0 to `until_ns`; closed until the first change."""
    mine = (events.worker == worker) & (events.name == "breaker")
    changes = zip(events.at_ns[mine].tolist(), events.text[mine].tolist(), strict=True)
    found: list[Span] = []
    state, since = CLOSED, 0
    for changed_ns, after in changes:
        at = min(max(changed_ns, 0), until_ns)
        if at > since:
            found.append(Span(state, since, at))
        state, since = after, at
    if until_ns > since:
        found.append(Span(state, since, until_ns))
    return found


def open_fraction(events: Events, workers: Sequence[int], window_ns: int) -> float:
    """Time open / (workers * arrival window). Half-open is not open: it lets probes through."""
    if window_ns <= 0:
        return 0.0
    open_ns = sum(
        s.end_ns - s.start_ns
        for worker in workers
        for s in spans(events, worker, window_ns)
        if s.state == OPEN
    )
    return open_ns / (len(workers) * window_ns)

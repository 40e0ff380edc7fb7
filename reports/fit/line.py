"""How many may stand in line before an API turns requests away, and with what it does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.fit.capacity import Slots
from reports.fit.latency import Latency
from reports.fit.observed import Observed
from reports.reading.run import ABSENT, Bools, Floats, Ints

#: What a full queue may answer, as the mock server has it.
OVERLOADS = (429, 503, 529)

#: The code of a 429 that is about load, and no limit of the caller's: OpenAI's.
SLOW_DOWN = "slow_down"

#: A queue that was never seen full holds as many as one of a good day.
AMPLE = 1000

#: Refusals that tell of a full queue, and the share of them that others may be.
_FEWEST = 10
_STRAY = 0.1

#: So many may come and go between a request's leaving and its being counted.
_NEAR = 2


@dataclass(frozen=True, slots=True)
class Line:
    """The slots, the `queue` before them, and what is said of a full one; `refused` are who was told so.

    `full` is whether the queue was ever seen full.
    """

    slots: Slots
    queue: int
    full: bool
    status: int
    retry_after_s: float | None
    refused: Bools


def find_line(observed: Observed, latency: Latency, places: Floats) -> Line | None:
    """What tells of a line: waits, refusals that come only when so many are there already, or both."""
    refusals = overloads(observed)
    ahead, slots = latency.crowd.ahead, latency.slots
    if slots is None:
        slots = _without_waits(ahead, refusals, observed)
        if slots is None:
            return None
    found = np.zeros(len(ahead), dtype=np.bool_)
    extra = ahead - slots.at(places)
    queue, full = AMPLE, False
    if int(np.count_nonzero(refusals)) >= _FEWEST:
        at = int(np.median(extra[refusals]))
        near = refusals & (np.abs(extra - at) <= _NEAR + round(_STRAY * max(at, 0)))
        beyond = (observed.ok | observed.streamed) & (extra > at + _NEAR)
        if (
            at >= 0
            and _mostly(near, refusals)
            and np.count_nonzero(beyond) <= _STRAY * np.count_nonzero(near)
        ):
            queue, full, found = at, True, near
    attempts = observed.attempts
    statuses = attempts.status[found]
    hints = attempts.retry_after_ns[found & (attempts.retry_after_ns != ABSENT)]
    return Line(
        slots,
        queue,
        full,
        int(np.median(statuses)) if full else 503,
        float(np.median(hints)) / 1e9 if len(hints) else None,
        found,
    )


def overloads(observed: Observed) -> Bools:
    """Who was told that there was no room."""
    attempts = observed.attempts
    busy = (attempts.outcome == "overloaded") & (attempts.fault == "status")
    slow = (attempts.status == OVERLOADS[0]) & (attempts.code == SLOW_DOWN)
    return np.asarray((busy | slow) & np.isin(attempts.status, OVERLOADS))


def _without_waits(ahead: Ints, refusals: Bools, observed: Observed) -> Slots | None:
    """Slots without a queue: nobody waits; who finds so many there is refused, and hardly anybody else."""
    count = int(np.count_nonzero(refusals))
    if count < _FEWEST:
        return None
    most = int(np.median(ahead[refusals]))
    near = refusals & (np.abs(ahead - most) <= _NEAR)
    taken = (observed.ok | observed.streamed) & (ahead > most + _NEAR)
    if most < 1 or not _mostly(near, refusals) or np.count_nonzero(taken) > _STRAY * count:
        return None
    # It is something to be crowded only where it is seldom so.
    if np.count_nonzero((ahead >= most) & observed.ok) > _STRAY * np.count_nonzero(observed.ok):
        return None
    return Slots(most, most, most, 0)


def _mostly(some: Bools, of: Bools) -> bool:
    return int(np.count_nonzero(some)) >= (1 - 2 * _STRAY) * int(np.count_nonzero(of))

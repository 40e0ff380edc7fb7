"""How long a reply took with few requests on the wire, and with many: where a server's knee shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.figures.pieces import pieces
from reports.findings.moments import Moments
from reports.reading.run import NS_PER_S, Bools, Floats, Ints

#: Replies that a mean is taken of: so few, and this share of all, from either end.
LEAST_REPLIES, SHARE_OF_REPLIES = 20, 0.05


@dataclass(frozen=True, slots=True)
class Level:
    """Ok replies sent while so many requests were on the wire: means, and ok replies a second meanwhile."""

    in_flight: float
    reply_s: float
    served_per_s: float


@dataclass(frozen=True, slots=True)
class Levels:
    """The replies sent with the fewest and with the most requests on the wire."""

    quiet: Level
    busy: Level

    @property
    def crowding(self) -> float:
        """How many times as many were on the wire."""
        return self.busy.in_flight / max(self.quiet.in_flight, 1.0)

    @property
    def slowing(self) -> float:
        """How many times as long a reply then took."""
        return self.busy.reply_s / self.quiet.reply_s if self.quiet.reply_s > 0 else 1.0


def levels_of(sent_ns: Ints, end_ns: Ints, ok: Bools, moments: Moments) -> Levels | None:
    """Of the attempts that are ok; None of too few."""
    replies, took_ns = _by_level(sent_ns, end_ns, ok, moments)
    count = int(replies.sum())
    if count < 2 * LEAST_REPLIES:
        return None
    least = max(LEAST_REPLIES, int(SHARE_OF_REPLIES * count))
    low = int(np.searchsorted(np.cumsum(replies), least))
    high = len(replies) - 1 - int(np.searchsorted(np.cumsum(replies[::-1]), least))
    ended = moments.count(end_ns[ok])
    now, each = moments.in_flight, np.arange(len(replies))
    step_s = moments.step_ns / NS_PER_S

    def level(mine: Bools, then: Bools) -> Level:
        of = int(replies[mine].sum())
        time_s = float(np.count_nonzero(then)) * step_s
        served = float(ended[then].sum()) / time_s if time_s else 0.0
        in_flight = float((each * replies)[mine].sum()) / of
        return Level(in_flight, float(took_ns[mine].sum()) / of / NS_PER_S, served)

    return Levels(level(each <= low, now <= low), level(each >= high, now >= high))


def _by_level(sent_ns: Ints, end_ns: Ints, ok: Bools, moments: Moments) -> tuple[Ints, Floats]:
    """Of each number of requests on the wire: the replies sent then, and the time they took in all."""
    levels = int(moments.in_flight.max(initial=0)) + 1
    replies, took_ns = np.zeros(levels, dtype=np.int64), np.zeros(levels)
    for piece in pieces(len(sent_ns)):
        sent, end = sent_ns[piece][ok[piece]], end_ns[piece][ok[piece]]
        level = moments.in_flight[moments.of(sent)]
        replies += np.bincount(level, minlength=levels)
        took_ns += np.bincount(level, weights=end - sent, minlength=levels)
    return replies, took_ns

"""How long a reply took with few requests on the wire, and with many: where a server's knee shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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


def levels_of(sent_ns: Ints, end_ns: Ints, moments: Moments) -> Levels | None:
    """Of ok attempts; None of too few."""
    if len(sent_ns) < 2 * LEAST_REPLIES:
        return None
    level = moments.in_flight[moments.of(sent_ns)]
    reply_s = (end_ns - sent_ns) / NS_PER_S
    per_level = np.bincount(level)
    least = max(LEAST_REPLIES, int(SHARE_OF_REPLIES * len(level)))
    low = int(np.searchsorted(np.cumsum(per_level), least))
    high = len(per_level) - 1 - int(np.searchsorted(np.cumsum(per_level[::-1]), least))
    ended = moments.count(end_ns)
    now = moments.in_flight
    step_s = moments.step_ns / NS_PER_S
    return Levels(
        _level(level <= low, level, reply_s, now <= low, ended, step_s),
        _level(level >= high, level, reply_s, now >= high, ended, step_s),
    )


def _level(mine: Bools, level: Ints, reply_s: Floats, then: Bools, ended: Ints, step_s: float) -> Level:
    time_s = float(np.count_nonzero(then)) * step_s
    served = float(ended[then].sum()) / time_s if time_s else 0.0
    return Level(float(level[mine].mean()), float(reply_s[mine].mean()), served)

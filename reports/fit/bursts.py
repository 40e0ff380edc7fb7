"""Whether something happened mostly within one stretch of time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reports.reading.run import Bools, Floats

#: The run is cut into so many bins, and a burst is some of them in a row, half of the run at most.
BINS = 120
_LONGEST = BINS // 2

#: A burst is plain: so many events, so many times as frequent as outside, and a likelihood ratio that chance
#: passes once in thousands of runs, though it is looked for everywhere.
FEWEST = 20
_TIMES = 5.0
_LEAST_GAIN = 25.0


@dataclass(frozen=True, slots=True)
class Burst:
    """From where to where in the run, 0 to 1, it lasted; and who was sent then."""

    start: float
    end: float
    inside: Bools


def find_burst(places: Floats, events: Bools, among: Bools) -> Burst | None:
    """The stretch in which `events` were likeliest beyond what they were elsewhere; None if it is not plain.

    Kulldorff's scan statistic (A spatial scan statistic, 1997), Bernoulli: of all stretches the one whose own
    rate inside, and another outside, is the most likely against one rate everywhere. `among` could have been.
    """
    total, n = int(np.count_nonzero(events & among)), int(np.count_nonzero(among))
    if total < FEWEST:
        return None
    bin_of = np.clip((places * BINS).astype(np.int64), 0, BINS - 1)
    seen = np.concatenate(([0], np.cumsum(np.bincount(bin_of[among], minlength=BINS))))
    hit = np.concatenate(([0], np.cumsum(np.bincount(bin_of[among & events], minlength=BINS))))
    best, at = 0.0, (0, 0)
    whole = _likelihood(total, n)
    for start in range(BINS):
        for end in range(start + 1, min(start + _LONGEST, BINS) + 1):
            c, m = int(hit[end] - hit[start]), int(seen[end] - seen[start])
            # Of stretches that hold the same the shortest: it begins and ends with an event.
            if hit[start] == hit[start + 1] or hit[end] == hit[end - 1]:
                continue
            if m in (0, n) or c * (n - m) <= _TIMES * (total - c) * m:
                continue
            gain = _likelihood(c, m) + _likelihood(total - c, n - m) - whole
            if gain > best:
                best, at = gain, (start, end)
    if best < _LEAST_GAIN:
        return None
    start, end = at
    return Burst(start / BINS, end / BINS, (bin_of >= start) & (bin_of < end))


def _likelihood(count: int, n: int) -> float:
    """The logarithm of how likely so many of n are at their own rate."""
    rest = n - count
    return (count * math.log(count / n) if count else 0.0) + (rest * math.log(rest / n) if rest else 0.0)

"""Who was at the API together: of each attempt, how many it found there, and when those went away."""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from dataclasses import dataclass

import numpy as np

from reports.fit.observed import Observed
from reports.reading.run import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Crowd:
    """Of every attempt: how many were `ahead` of it, at work or in line, when it was sent.

    Of the attempts in `rows` it is also known when those ahead of them left: `leaving_s` has these instants
    in order, end to end, row k's from `begins[k]` on.
    """

    ahead: Ints
    rows: Ints
    leaving_s: Floats
    begins: Ints
    sent_s: Floats

    def waits_ms(self, slots: int) -> Floats:
        """How long each of `rows` stood in line where so many slots served first come, first served.

        With n ahead of it, its turn comes when n - slots + 1 of those have left: nobody who came later can
        have started before it.
        """
        ahead = self.ahead[self.rows]
        waiting = ahead >= slots
        turn_s = self.leaving_s[self.begins[waiting] + ahead[waiting] - slots]
        found = np.zeros(len(self.rows))
        found[waiting] = 1000 * np.maximum(turn_s - self.sent_s[self.rows[waiting]], 0.0)
        return found


def ahead_of(observed: Observed, occupying: Bools) -> Ints:
    """Of every attempt: those `occupying` a place that were sent before it and had not left by then."""
    sent_s = observed.sent_s
    before = np.concatenate(([0], np.cumsum(occupying)[:-1])) if len(sent_s) else np.empty(0)
    gone = np.searchsorted(np.sort(observed.left_s[occupying]), sent_s, side="right")
    # One that came and left in the very instant of another may count as gone before it came.
    return np.maximum(before - gone, 0).astype(np.int64)


def crowd(observed: Observed, occupying: Bools, ahead: Ints, rows: Ints) -> Crowd:
    """Walk through the attempts in the order they were sent; `ahead` is how many each of them finds."""
    asked = np.zeros(len(ahead), dtype=np.bool_)
    asked[rows] = True
    leaving, begins, here = array("d"), array("q"), list[float]()
    columns = (observed.sent_s, observed.left_s, occupying, asked)
    for sent_s, left_s, takes, is_asked in zip(*(column.tolist() for column in columns), strict=True):
        del here[: bisect_right(here, sent_s)]
        if is_asked:
            begins.append(len(leaving))
            leaving.extend(here)
        if takes:
            insort(here, left_s)
    return Crowd(ahead, rows, np.array(leaving), np.array(begins, dtype=np.int64), observed.sent_s)

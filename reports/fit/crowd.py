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


def crowd(observed: Observed, occupying: Bools, rows: Ints) -> Crowd:
    """Walk through the attempts in the order they were sent; only those `occupying` take a place."""
    sent, end, takes = observed.sent_s.tolist(), observed.left_s.tolist(), occupying.tolist()
    asked = np.zeros(len(sent), dtype=np.bool_)
    asked[rows] = True
    ahead = array("q", bytes(8 * len(sent)))
    leaving, here = array("d"), list[float]()
    begins = array("q")
    for i, (sent_s, is_asked) in enumerate(zip(sent, asked.tolist(), strict=True)):
        if gone := bisect_right(here, sent_s):
            del here[:gone]
        ahead[i] = len(here)
        if is_asked:
            begins.append(len(leaving))
            leaving.extend(here)
        if takes[i]:
            insort(here, end[i])
    return Crowd(
        np.frombuffer(ahead, dtype=np.int64) if ahead else np.empty(0, np.int64),
        rows,
        np.array(leaving, dtype=np.float64),
        np.array(begins, dtype=np.int64),
        observed.sent_s,
    )

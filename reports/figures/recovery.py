"""Whether a service comes back once its trouble is over, and when."""

from __future__ import annotations

import math

import numpy as np

from reports.reading.run import NS_PER_S, Bools, Floats, Ints

#: Goodput is back where so many of the calls due are good.
RECOVERED = 0.95

#: Bins in which goodput is counted: short enough for minutes, long enough for some dozens of calls each.
BIN_S = 5.0


class Course:
    """Calls due and good calls over a run, in bins of BIN_S by the calls' intended instants."""

    def __init__(self, length_s: float) -> None:
        bins = max(1, math.ceil(length_s / BIN_S - 1e-9))
        self.offered = np.zeros(bins, dtype=np.int64)
        self.good = np.zeros(bins, dtype=np.int64)

    def add(self, intended_ns: Ints, good: Bools) -> None:
        """Some calls."""
        bins = len(self.offered)
        place = np.minimum(intended_ns / NS_PER_S // BIN_S, bins - 1).astype(np.int64)
        self.offered += np.bincount(place, minlength=bins)
        self.good += np.bincount(place[good], minlength=bins)

    def time_to_recover_s(self, cleared_s: float) -> float:
        """From `cleared_s` until goodput is back at 95 % of what is offered and stays; infinite if never.

        To the end of the last bin after it in which good / offered < 0.95; 0 where there is none. A bin that
        began before the trouble was over, or without calls, says nothing.
        """
        starts_s = np.arange(len(self.offered)) * BIN_S
        bad = (starts_s >= cleared_s) & (self.good < RECOVERED * self.offered)
        if not bad.any():
            return 0.0
        last = int(np.flatnonzero(bad)[-1])
        if last == len(bad) - 1:
            return math.inf
        return float(starts_s[last] + BIN_S - cleared_s)

    def share(self) -> Floats:
        """Good / offered in each bin; nan where nothing was."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.good / np.where(self.offered, self.offered, np.nan), dtype=np.float64)

"""When something was so: bins of a run in which a condition holds, merged, and the hours they stand for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reports.drawing.hours import minutes
from reports.figures.pieces import pieces
from reports.findings import say
from reports.reading.run import MINUTES_PER_DAY, MINUTES_PER_HOUR, NS_PER_S, Bools, Clock, Floats, Ints
from reports.summary.timeline import bin_edges

#: A bin that is quiet between two that are not is part of the same trouble.
BRIDGED_BINS = 1

#: More stretches than this are counted, not listed.
MOST_LISTED = 2

#: What holds in so much of a run holds throughout.
THROUGHOUT = 0.8

#: No bin of a run: before its start, or in its drain.
OUTSIDE = -1


@dataclass(frozen=True, slots=True)
class Bins:
    """Equal bins over the arrival window, as the plots have them, and the clock they are told by."""

    edges_s: Floats
    clock: Clock | None

    def __len__(self) -> int:
        return len(self.edges_s) - 1

    def of(self, at_ns: Ints) -> Ints:
        """The bin of each instant, OUTSIDE where there is none; the last holds its upper bound."""
        width_ns = float(self.edges_s[1] - self.edges_s[0]) * NS_PER_S
        end_ns = float(self.edges_s[-1]) * NS_PER_S
        found = np.empty(len(at_ns), dtype=np.int16)
        for piece in pieces(len(at_ns)):
            at = at_ns[piece]
            bins = np.minimum(np.floor_divide(at, width_ns), len(self) - 1)
            bins[(at < 0) | (at > end_ns)] = OUTSIDE
            found[piece] = bins
        return found

    def count(self, bins: Ints) -> Ints:
        """How many fall into each bin; those outside into none."""
        return np.bincount(bins[bins != OUTSIDE], minlength=len(self))

    def told(self, marked: Bools) -> str:
        """When it was so, in words: "20:04–20:11", "throughout", "12–30 s and 41–44 s"."""
        found = merged(marked)
        bins = int(sum(last - first for first, last in found))
        if bins >= THROUGHOUT * len(self):
            return "throughout"
        longest = sorted(sorted(found, key=lambda s: s[0] - s[1])[:MOST_LISTED])
        listed = [self._span(first, last) for first, last in longest]
        more = len(found) - len(longest)
        if more:
            listed.append(f"{more} more {'stretch' if more == 1 else 'stretches'}")
        return say.listed(listed)

    def _span(self, first: int, last: int) -> str:
        """From the first bin's start to the last one's end; `last` is the bin after it."""
        start_s, end_s = float(self.edges_s[first]), float(self.edges_s[last])
        if self.clock is None:
            return f"{start_s:g}–{end_s:g} s"
        return f"{self._hour(start_s, up=False)}–{self._hour(end_s, up=True)}"

    def _hour(self, at_s: float, *, up: bool) -> str:
        """The minute of the clock that holds an instant, or the one after it."""
        if self.clock is None:
            return f"{at_s:g} s"
        start = minutes(self.clock.start)
        span = (minutes(self.clock.end) - start) % MINUTES_PER_DAY or MINUTES_PER_DAY
        exact = start + at_s / self.clock.duration_s * span
        minute = math.ceil(exact - 1e-6) if up else math.floor(exact + 1e-6)
        of_day = minute % MINUTES_PER_DAY
        return f"{of_day // MINUTES_PER_HOUR:02}:{of_day % MINUTES_PER_HOUR:02}"


def bins_of(window_s: float, calls: int, clock: Clock | None) -> Bins:
    """The bins of a run."""
    return Bins(bin_edges(max(window_s, 1e-9), calls), clock)


def merged(marked: Bools) -> list[tuple[int, int]]:
    """Runs of marked bins as (first, the one after the last), over gaps of BRIDGED_BINS."""
    found: list[tuple[int, int]] = []
    for at in np.flatnonzero(marked).tolist():
        if found and at - found[-1][1] <= BRIDGED_BINS:
            found[-1] = (found[-1][0], at + 1)
        else:
            found.append((at, at + 1))
    return found


def bridged(marked: Bools) -> Bools:
    """The bins of the merged stretches."""
    whole = np.zeros(len(marked), dtype=np.bool_)
    for first, last in merged(marked):
        whole[first:last] = True
    return whole

"""A limit of requests that nobody told: read off which requests were let in, and which were not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.fit.observed import Observed
from reports.reading.run import Bools, Floats

#: Refusals at the fewest, and the shares of those and of the others that a limit may get wrong.
FEWEST = 30
_WRONG_REFUSED, _WRONG_LET_IN = 0.05, 0.02

#: Seconds' worth that a bucket may hold; and the limits tried at once.
_WINDOWS_S = (60.0, 30.0, 10.0, 1.0)
_TRIED = 400

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """Requests a minute (the middle of those that explain as much), from `low` to `high`, and its window."""

    limit: int
    low: int
    high: int
    window_s: float
    refused: int


def find_bucket(observed: Observed) -> Bucket | None:
    """The limit of requests that the 429s follow; None where they follow none.

    A leaky bucket, empty at the start of each run: a request is let in if it fits, one that is refused counts
    up to the brim.
    """
    attempts = observed.attempts
    refused = (attempts.outcome == "throttled") & (attempts.fault == "status")
    let_in = (attempts.status > 0) & ~refused
    counted = refused | let_in
    count = int(np.count_nonzero(refused))
    if count < FEWEST:
        return None
    sent_s, refusals = observed.sent_s[counted], refused[counted]
    best: Bucket | None = None
    fewest_wrong = np.inf
    for window_s in _WINDOWS_S:
        found, wrong = _likeliest(sent_s, refusals, window_s)
        if wrong < fewest_wrong:
            best, fewest_wrong = found, wrong
    return best


def _likeliest(sent_s: Floats, refused: Bools, window_s: float) -> tuple[Bucket | None, float]:
    """The limit that gets the fewest wrong, and how many: first roughly, then to the last request."""
    rate = _MINUTE_S * _fastest(sent_s[~refused])
    limits = np.unique(np.round(np.geomspace(max(rate / 20, 1.0), max(rate, 2.0), _TRIED)))
    for _ in range(2):
        wrong_refused, wrong_let_in = _wrong(sent_s, refused, limits, window_s)
        wrong = wrong_refused + wrong_let_in
        at = int(wrong.argmin())
        low, high = limits[max(at - 2, 0)], limits[min(at + 2, len(limits) - 1)]
        near, limits = limits, np.unique(np.round(np.linspace(low, high, _TRIED)))
    least = np.flatnonzero(wrong == wrong[at])
    n = int(np.count_nonzero(refused))
    if wrong_refused[at] > _WRONG_REFUSED * n or wrong_let_in[at] > _WRONG_LET_IN * (len(refused) - n):
        return None, float(wrong[at])
    low, high = int(near[least[0]]), int(near[least[-1]])
    return Bucket((low + high) // 2, low, high, window_s, n), float(wrong[at])


def _fastest(sent_s: Floats) -> float:
    """The highest rate at which requests were let in over some of them, a second."""
    some = max(min(50, len(sent_s) // 4), 1)
    if len(sent_s) <= some:
        return 1.0
    return float((some / np.maximum(sent_s[some:] - sent_s[:-some], 1e-3)).max())


def _wrong(sent_s: Floats, refused: Bools, limits: Floats, window_s: float) -> tuple[Floats, Floats]:
    """For each limit: the refusals it has no reason for, and the requests it would not have let in."""
    size = limits * window_s / _MINUTE_S
    used = np.zeros(len(limits))
    reasonless, beyond = np.zeros(len(limits)), np.zeros(len(limits))
    at_s = float(sent_s[0])
    for now_s, was_refused in zip(sent_s.tolist(), refused.tolist(), strict=True):
        used = np.maximum(used - limits * ((now_s - at_s) / _MINUTE_S), 0.0)
        at_s = now_s
        fits = used + 1 <= size + 1e-6
        if was_refused:
            reasonless += fits
            used = np.maximum(used, np.minimum(size, used + 1))
        else:
            beyond += ~fits
            used = used + 1
    return reasonless, beyond

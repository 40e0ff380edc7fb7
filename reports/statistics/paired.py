"""The change between runs in pairs: the same evening before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Of fewer pairs no interval is given: the least and the greatest of five hold their median in 94 % only.
FEWEST_PAIRS = 6

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Change:
    """`log_ratio` = the median of log(new / base) over pairs; `low` and `high` its 95 % interval.

    All three are nan without a pair; the bounds are nan under FEWEST_PAIRS. exp() of them are ratios.
    """

    pairs: int
    log_ratio: float
    low: float
    high: float


def change(base: Sequence[float], new: Sequence[float]) -> Change:
    """The median change over pairs, with its interval over pairs: runs are the sample, not requests.

    A pair with a nan is left out. Zero to zero and infinite to infinite are no change (0); from zero to
    anything, and from anything to infinity, is an infinite change. Raises ValueError for negative figures and
    for sequences of unlike length.
    """
    return of_log_ratios(log_ratios(base, new))


def log_ratios(base: Sequence[float], new: Sequence[float]) -> list[float]:
    """log(new / base) of every pair without a nan, in the order given. Raises ValueError as `change`."""
    pairs = [(b, n) for b, n in zip(base, new, strict=True) if not (math.isnan(b) or math.isnan(n))]
    if any(figure < 0 for pair in pairs for figure in pair):
        raise ValueError("a ratio of negative figures says nothing")
    return [_log_ratio(b, n) for b, n in pairs]


def of_log_ratios(ratios: Sequence[float]) -> Change:
    """The same of ratios in logs, none of them nan.

    The interval is that of interpolated order statistics (Hettmansperger and Sheather, Confidence intervals
    based on interpolated order statistics, 1986), whatever the distribution. The percentile bootstrap of a
    median moves in steps instead: of seven pairs its 95 % interval holds the truth in 87.5 %.
    """
    n, ordered = len(ratios), sorted(ratios)
    if n == 0:
        return Change(0, math.nan, math.nan, math.nan)
    middle = median(ordered)
    if n < FEWEST_PAIRS:
        return Change(n, middle, math.nan, math.nan)
    k, share = _place(n)
    low = _between(ordered[k - 1], ordered[k], share, opposite=-math.inf)
    high = _between(ordered[n - k], ordered[n - k - 1], share, opposite=math.inf)
    return Change(n, middle, low, high)


def median(values: Sequence[float]) -> float:
    """The middle of at least one value; of the two infinities, which have none, 0."""
    n, ordered = len(values), sorted(values)
    return _between(ordered[(n - 1) // 2], ordered[n // 2], 0.5, opposite=0.0)


def _log_ratio(base: float, new: float) -> float:
    if base == new:
        return 0.0
    if base == 0 or math.isinf(new):
        return math.inf
    return -math.inf if new == 0 or math.isinf(base) else math.log(new / base)


def _between(a: float, b: float, share: float, opposite: float) -> float:
    """A point from `a` on to `b`; `opposite` between the two infinities, which have no middle."""
    if a == b:
        return a
    if math.isinf(a) and math.isinf(b):
        return opposite
    return (1 - share) * a + share * b


def _place(n: int) -> tuple[int, float]:
    """Where the lower bound lies among n ordered values: a share of the way from the k-th to the next.

    From the k-th least to the k-th greatest holds the median in g(k) = 1 - 2 P(Binomial(n, 1/2) < k). With
    g(k) >= 0.95 > g(k + 1) and I = (g(k) - 0.95) / (g(k) - g(k + 1)), the share is
    (n - k) I / (k + (n - 2 k) I).
    """
    k = 1
    while _held(n, k + 1) >= CONFIDENCE:
        k += 1
    part = (_held(n, k) - CONFIDENCE) / (_held(n, k) - _held(n, k + 1))
    return k, (n - k) * part / (k + (n - 2 * k) * part)


def _held(n: int, k: int) -> float:
    fewer = sum(math.comb(n, hits) for hits in range(k))
    return 1 - fewer / (1 << (n - 1))

"""The times between the tokens of a reply."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reports.fit import normal
from reports.fit.median_line import median_line, telling
from reports.fit.observed import Observed
from reports.reading.run import ABSENT, Bools, Floats

#: The shares of gaps that their spread is read off. What the network adds to one gap it takes from the next:
#: among the shorter ones that shows most.
_GAP_SHARES = (0.50, 0.60, 0.70, 0.80, 0.90, 0.95, 0.98, 0.99)

#: Gaps at the fewest that tell a spread.
_FEWEST_GAPS = 200

#: A rise with load is more than chance.
_TELLING_Z = 3.0

#: Of the bundled server, where nothing tells it.
USUAL_CV = 0.15

#: Events of a reply to its tokens, below which several tokens come at once.
LEAST_EVENTS_A_TOKEN = 0.9

#: Gaps looked at one by one: more tell no more of their spread.
MOST_GAPS = 1_000_000


@dataclass(frozen=True, slots=True)
class Gaps:
    """Milliseconds a token in an empty API, its spread, and how much longer in one whose slots are full.

    `error` is the standard error of the mean; `cv` is None where nothing tells it; `gaps` are in units of
    what is expected of each, for the picture.
    """

    mean_ms: float
    error_ms: float
    replies: int
    slowdown: float = 0.0
    cv: float | None = None
    together: bool = False
    gaps: Floats | None = None


def gaps_of_streams(observed: Observed, timed: Bools, fullness: Floats) -> Gaps:
    """Gaps that were seen, each reply's as (last - first event) / (tokens - 1)."""
    output = observed.attempts.output_ns
    tokens, events = observed.attempts.completion_tokens, output.lengths
    counted = np.where(tokens == ABSENT, events, tokens)
    several = timed & (events > 1) & (counted > 1)
    rows = np.flatnonzero(several)
    weight = (counted[rows] - 1).astype(np.float64)
    each_ms = (output.last - output.first)[rows] / 1e6 / weight
    mean_ms, slowdown, error = _by_fullness(each_ms, weight, fullness[rows])
    if mean_ms == 0:
        return Gaps(0.0, error, len(rows))
    together = float((events[rows] - 1).sum()) < LEAST_EVENTS_A_TOKEN * float(weight.sum())
    stretch = 1 + slowdown * fullness[rows]
    lists = output[rows]
    steps = lists.steps / 1e6 / (mean_ms * np.repeat(stretch, lists.lengths - 1))
    if len(steps) > MOST_GAPS:
        steps = steps[:: -(-len(steps) // MOST_GAPS)]
    cv = None if together else _spread(steps)
    return Gaps(mean_ms, error, len(rows), slowdown, cv, together, steps * mean_ms)


def _by_fullness(each_ms: Floats, weight: Floats, fullness: Floats) -> tuple[float, float, float]:
    """Milliseconds a token in an empty API, the slowdown of a full one, and the error of the first.

    Least squares of the mean gaps over fullness, weighted by their number: mean * (1 + slowdown * fullness).
    """
    mean = float(np.average(each_ms, weights=weight))
    variance = float(np.average((each_ms - mean) ** 2, weights=weight))
    error = math.sqrt(variance * float((weight**2).sum())) / float(weight.sum())
    if float(np.ptp(fullness)) == 0:
        return mean, 0.0, error
    x = np.column_stack([np.ones(len(each_ms)), fullness])
    root = np.sqrt(weight)[:, None]
    (empty, rise), *_ = np.linalg.lstsq(x * root, each_ms * root[:, 0], rcond=None)
    off = each_ms - x @ np.array([empty, rise])
    inverse = np.linalg.inv(x.T @ (x * weight[:, None]))
    scale = float((off**2 * weight).sum()) / max(len(off) - 2, 1)
    errors = np.sqrt(np.diag(inverse) * scale)
    if rise < _TELLING_Z * errors[1] or empty <= 0:
        return mean, 0.0, error
    return float(empty), float(rise / empty), float(errors[0])


def _spread(steps: Floats) -> float | None:
    """The coefficient of variation of a lognormal through the longer gaps.

    The slope of their logarithms over the normal's scores is sigma, and cv^2 = exp(sigma^2) - 1. Events that
    were read at once have no gap.
    """
    gaps = np.sort(steps[steps > 0])
    if len(gaps) < _FEWEST_GAPS:
        return None
    scores = np.array([normal.score(share) for share in _GAP_SHARES])
    logs = np.log(np.quantile(gaps, _GAP_SHARES))
    sigma = float(np.polyfit(scores, logs, 1)[0])
    return math.sqrt(math.expm1(sigma * sigma))


def slope_of_whole(took_ms: Floats, tokens: Floats, rows: Bools) -> float:
    """Milliseconds a token, from whole replies."""
    line = median_line(took_ms[rows], [tokens[rows]])
    return max(float(line.at[1]), 0.0)


def gaps_of_whole(took_ms: Floats, tokens: Floats, clear: Bools, fullness: Floats) -> Gaps:
    """Gaps from how much longer a reply of more tokens takes; their spread does not show in it."""
    rows = np.flatnonzero(clear)
    both = median_line(took_ms[rows], [tokens[rows], tokens[rows] * fullness[rows]])
    if telling(both, 2) and both.at[1] > 0:
        empty, rise = float(both.at[1]), float(both.at[2])
        return Gaps(empty, float(both.errors[1]), len(rows), rise / empty)
    line = median_line(took_ms[rows], [tokens[rows]])
    return Gaps(max(float(line.at[1]), 0.0), float(line.errors[1]), len(rows))

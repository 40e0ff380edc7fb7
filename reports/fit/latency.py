"""The times of a reply: to its first token, and from token to token."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reports.fit import normal
from reports.fit.capacity import Slots, find_slots
from reports.fit.crowd import Crowd, crowd
from reports.fit.median_line import Line, median_line, telling
from reports.fit.mixture import Found, Samples, one_or_two
from reports.fit.observed import Observed
from reports.reading.run import ABSENT, Bools, Floats, Ints

#: Replies that were timed, below which nothing is fitted: the median is then known to some 5 %.
FEWEST_REPLIES = 200

#: Attempts whose line is reconstructed: more tell no more of the slots.
MOST_ASKED = 20_000

#: The first guess of a whole reply's time a token is taken from those that found so few others there.
_EMPTIEST = 0.3

_FASTEST = 0.25

#: What is left of a whole reply may be less than nothing: it stands at a microsecond.
_LEAST_MS = 1e-3

#: The shares of gaps that their spread is read off. What the network adds to one gap it takes from the next:
#: among the shorter ones that shows most.
_GAP_SHARES = (0.50, 0.60, 0.70, 0.80, 0.90, 0.95, 0.98, 0.99)

#: Of the bundled server, where nothing tells it.
USUAL_CV = 0.15

#: Events of a reply to its tokens, below which several tokens come at once.
LEAST_EVENTS_A_TOKEN = 0.9

#: Gaps looked at one by one: more tell no more of their spread.
MOST_GAPS = 1_000_000

#: Slots of an API that never made anybody wait: those of the mock server's good day, or more where more were
#: seen at once.
_AMPLE_SLOTS = 1000
_TIMES_SEEN = 4

#: Attempts that were given up: a reply might still have come.
CUT_FAULTS = ("attempt_timeout", "first_token_timeout", "read_timeout")
CUT_OUTCOMES = ("deadline", "cancelled")


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


@dataclass(frozen=True, slots=True)
class Latency:
    """What is known of the times of replies.

    `first_ms` are those to the first token, without the prompt's share, of requests that had no wait;
    `samples` the same with those that were cut. `hung` is, of every attempt, the chance that it never would
    have been answered. Without a line there are no `slots`, and the slowdown is of `ample` ones.
    """

    streamed: bool
    first: Found
    per_1k_prompt_ms: float
    per_1k_prompt_error_ms: float
    first_ms: Floats
    samples: Samples
    gaps: Gaps
    slots: Slots | None
    ample: int
    crowd: Crowd
    hung: Floats
    timed: int


def fit_latency(observed: Observed, places: Floats) -> Latency:
    """The laws of streams, or else of whole replies. `places` is where in its run each attempt was sent.

    There are FEWEST_REPLIES ok ones at least.
    """
    streamed = int(np.count_nonzero(observed.streamed & observed.ok)) >= FEWEST_REPLIES
    timed = _timed(observed, streamed=streamed)
    cut = _cut(observed)
    occupying = observed.ok | observed.streamed
    rows = _thinned(np.flatnonzero(timed))
    found = crowd(observed, occupying, rows)
    tokens = np.maximum(observed.attempts.completion_tokens, 0).astype(np.float64)
    if streamed:
        first_ms = observed.first_ms
        slots = find_slots(found, first_ms[rows], places[rows])
        gaps = _gaps_of_streams(observed, timed, _fullness(found, slots, places))
    else:
        few = timed & (found.ahead <= np.quantile(found.ahead[timed], _EMPTIEST))
        first_ms = observed.took_ms - _slope(observed.took_ms, tokens, few) * tokens
        slots = find_slots(found, np.maximum(first_ms[rows], _LEAST_MS), places[rows])
        clear = timed & _clear(found, slots, places)
        gaps = _gaps_of_whole(observed.took_ms, tokens, clear, _fullness(found, slots, places))
        first_ms = observed.took_ms - _token_ms(gaps, found, slots, places) * tokens
    clear = _clear(found, slots, places)
    known = timed & clear
    prompt = observed.attempts.prompt_tokens.astype(np.float64)
    line = _prompts(first_ms, prompt, known)
    share = 0.0 if line is None else float(line.at[1])
    own_ms = first_ms - share * np.maximum(prompt, 0)
    # What gaps add to whole replies by chance shows most among the fastest: of those only the place is taken.
    least_ms = 0.0 if streamed else float(np.quantile(own_ms[known], _FASTEST))
    gone_ms = observed.took_ms - (0.0 if streamed else gaps.mean_ms * float(tokens[timed].mean()))
    gone = cut & clear & (gone_ms > 0)
    samples = Samples.of(own_ms[known], gone_ms[gone], least_ms)
    law = one_or_two(samples)
    return Latency(
        streamed=streamed,
        first=law,
        per_1k_prompt_ms=1000 * share,
        per_1k_prompt_error_ms=math.nan if line is None else 1000 * float(line.errors[1]),
        first_ms=np.maximum(own_ms[known], _LEAST_MS),
        samples=samples,
        gaps=gaps,
        slots=slots,
        ample=_ample(found),
        crowd=found,
        hung=_hung(cut, gone_ms, law, samples),
        timed=int(np.count_nonzero(timed)),
    )


def _timed(observed: Observed, *, streamed: bool) -> Bools:
    """The attempts whose time to first token is known, or follows from their whole."""
    if streamed:
        return observed.streamed
    counted = observed.attempts.completion_tokens != ABSENT
    return np.asarray(observed.ok & ~observed.streamed & counted)


def _cut(observed: Observed) -> Bools:
    """The attempts that were given up before anything of a reply was read."""
    attempts = observed.attempts
    given_up = attempts.fault.isin(CUT_FAULTS) | attempts.outcome.isin(CUT_OUTCOMES)
    return np.asarray(given_up & ~observed.streamed)


def _thinned(rows: Ints) -> Ints:
    """Some of the rows, evenly chosen."""
    return rows if len(rows) <= MOST_ASKED else rows[np.linspace(0, len(rows) - 1, MOST_ASKED).astype(int)]


def _clear(found: Crowd, slots: Slots | None, places: Floats) -> Bools:
    """Who found a slot free."""
    if slots is None:
        return np.ones(len(found.ahead), dtype=np.bool_)
    return np.asarray(found.ahead < slots.at(places))


def _ample(found: Crowd) -> int:
    """Slots that nobody would ever wait for."""
    most = _AMPLE_SLOTS
    while most < _TIMES_SEEN * int(found.ahead.max(initial=0)):
        most *= 10
    return most


def _fullness(found: Crowd, slots: Slots | None, places: Floats) -> Floats:
    """How full the API was, 0 to 1, when each attempt began.

    As the mock server counts: running / slots + background, where our slots are slots * (1 - background).
    """
    if slots is None:
        return np.asarray((found.ahead + 1) / _ample(found))
    ours = slots.at(places)
    running = np.minimum(found.ahead + 1, ours)
    return np.asarray(running / slots.most + 1 - ours / slots.most)


def _gaps_of_streams(observed: Observed, timed: Bools, fullness: Floats) -> Gaps:
    """Gaps that were seen, each reply's as (last - first event) / (tokens - 1)."""
    output = observed.attempts.output_ns
    tokens, events = observed.attempts.completion_tokens, output.lengths
    counted = np.where(tokens == ABSENT, events, tokens)
    several = timed & (events > 1) & (counted > 1)
    rows = np.flatnonzero(several)
    weight = (counted[rows] - 1).astype(np.float64)
    each_ms = (output.last - output.first)[rows] / 1e6 / weight
    mean_ms, slowdown, error = _by_fullness(each_ms, weight, fullness[rows])
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
    if rise < 3 * errors[1] or empty <= 0:
        return mean, 0.0, error
    return float(empty), float(rise / empty), float(errors[0])


def _spread(steps: Floats) -> float | None:
    """The coefficient of variation of a lognormal through the longer gaps.

    The slope of their logarithms over the normal's scores is sigma, and cv^2 = exp(sigma^2) - 1. Events that
    were read at once have no gap.
    """
    gaps = np.sort(steps[steps > 0])
    if len(gaps) < FEWEST_REPLIES:
        return None
    scores = np.array([normal.score(share) for share in _GAP_SHARES])
    logs = np.log(np.quantile(gaps, _GAP_SHARES))
    sigma = float(np.polyfit(scores, logs, 1)[0])
    return math.sqrt(math.expm1(sigma * sigma))


def _slope(took_ms: Floats, tokens: Floats, rows: Bools) -> float:
    """Milliseconds a token, from whole replies."""
    line = median_line(took_ms[rows], [tokens[rows]])
    return max(float(line.at[1]), 0.0)


def _gaps_of_whole(took_ms: Floats, tokens: Floats, clear: Bools, fullness: Floats) -> Gaps:
    """Gaps from how much longer a reply of more tokens takes; their spread does not show in it."""
    rows = np.flatnonzero(clear)
    both = median_line(took_ms[rows], [tokens[rows], tokens[rows] * fullness[rows]])
    if telling(both, 2) and both.at[1] > 0:
        empty, rise = float(both.at[1]), float(both.at[2])
        return Gaps(empty, float(both.errors[1]), len(rows), rise / empty)
    line = median_line(took_ms[rows], [tokens[rows]])
    return Gaps(max(float(line.at[1]), 0.0), float(line.errors[1]), len(rows))


def _token_ms(gaps: Gaps, found: Crowd, slots: Slots | None, places: Floats) -> Floats:
    return gaps.mean_ms * (1 + gaps.slowdown * _fullness(found, slots, places))


def _prompts(first_ms: Floats, prompt: Floats, known: Bools) -> Line | None:
    """How the first token waits for the prompt; None where chance could make it."""
    rows = known & (prompt >= 0)
    if not rows.any() or float(np.ptp(prompt[rows])) == 0:
        return None
    line = median_line(first_ms[rows], [prompt[rows]])
    return line if telling(line, 1) else None


def _hung(cut: Bools, gone_ms: Floats, law: Found, samples: Samples) -> Floats:
    """Of every attempt: the chance that no reply would ever have come, given how long it was waited for."""
    share = law.hung / samples.total
    found = np.zeros(len(cut))
    if share > 0:
        lasts = np.where(gone_ms > 0, 1 - law.law.below(np.maximum(gone_ms, 1e-6)), 1.0)
        found[cut] = (share / (share + (1 - share) * lasts))[cut]
    return found

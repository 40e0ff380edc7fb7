"""The times of a reply: to its first token, and from token to token; and who waited for them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reports.fit.capacity import Slots, find_slots
from reports.fit.crowd import Crowd, ahead_of, crowd
from reports.fit.gaps import Gaps, gaps_of_streams, gaps_of_whole, slope_of_whole
from reports.fit.median_line import Line, median_line, telling
from reports.fit.mixture import Found, Samples, one_or_two
from reports.fit.observed import Observed
from reports.reading.run import ABSENT, Bools, Floats, Ints

#: Replies that were timed, below which nothing is fitted: the median is then known to some 5 %.
FEWEST_REPLIES = 200

#: Of those that had no wait: with fewer, the others' count too, less the waits that follow from the slots.
ENOUGH_CLEAR = 3000

#: Attempts whose line is reconstructed: more tell no more of the slots.
MOST_ASKED = 20_000

#: Of all of them together, those that were ahead: so many are held in memory, and again for each guess.
MOST_AHEAD = 4_000_000

#: The first guess of a whole reply's time a token is taken from those that found so few others there.
_EMPTIEST = 0.3

#: Where times are only reconstructed, of so many of the fastest nothing but their number is taken.
_FASTEST = 0.25

#: What is left of a whole reply may be less than nothing, and an API on this machine be as quick: logarithms
#: begin at a microsecond.
_LEAST_MS = 1e-3

#: Slots of an API that never made anybody wait: those of the mock server's good day, or more where more were
#: seen at once.
_AMPLE_SLOTS = 1000
_TIMES_SEEN = 4

#: Attempts that were given up: a reply might still have come.
CUT_FAULTS = ("attempt_timeout", "first_token_timeout", "read_timeout")
CUT_OUTCOMES = ("deadline", "cancelled")


@dataclass(frozen=True, slots=True)
class Latency:
    """What is known of the times of replies.

    `first_ms` are those to the first token, without waits and without the prompt's share; `samples` the same
    with those that were cut. `waited` of them had a wait, which was taken off. `rise` is by what share those
    of the fullest moments still came later, where that is more than chance. `hung` is, of every attempt, the
    chance that it never would have been answered. Without a line there are no `slots`, and the slowdown is
    of `ample` ones.
    """

    streamed: bool
    first: Found
    per_1k_prompt_ms: float
    per_1k_prompt_error_ms: float
    first_ms: Floats
    waited: int
    rise: float
    samples: Samples
    gaps: Gaps
    slots: Slots | None
    ample: int
    crowd: Crowd
    hung: Floats


def fit_latency(observed: Observed, places: Floats) -> Latency:
    """The laws of streams, or else of whole replies. `places` is where in its run each attempt was sent.

    There are FEWEST_REPLIES ok ones at least.
    """
    streamed = int(np.count_nonzero(observed.streamed & observed.ok)) >= FEWEST_REPLIES
    timed = _timed(observed, streamed=streamed)
    measure = _of_streams if streamed else _of_whole
    times = measure(observed, timed, places)
    clear = times.crowd.ahead < _room(times.slots, times.crowd, places)
    first_ms, known = _without_waits(times.first_ms, timed, clear, times.slots, times.crowd)
    line = _prompts(first_ms, observed.attempts.prompt_tokens.astype(np.float64), known)
    share = 0.0 if line is None else float(line.at[1])
    own_ms = np.maximum(first_ms - share * np.maximum(observed.attempts.prompt_tokens, 0), _LEAST_MS)
    waited = int(np.count_nonzero(known & ~clear))
    exact = streamed and not waited
    least_ms = 0.0 if exact else float(np.quantile(own_ms[known], _FASTEST))
    cut = _cut(observed)
    samples = Samples.of(own_ms[known], times.gone_ms[cut & clear & (times.gone_ms > 0)], least_ms)
    law = one_or_two(samples)
    return Latency(
        streamed=streamed,
        first=law,
        per_1k_prompt_ms=1000 * share,
        per_1k_prompt_error_ms=math.nan if line is None else 1000 * float(line.errors[1]),
        first_ms=own_ms[known],
        waited=waited,
        rise=_rise(own_ms[known], times.crowd.ahead[known].astype(np.float64)),
        samples=samples,
        gaps=times.gaps,
        slots=times.slots,
        ample=_ample(times.crowd),
        crowd=times.crowd,
        hung=_hung(cut, times.gone_ms, law, samples),
    )


@dataclass(frozen=True, slots=True)
class _Times:
    """To the first token with all waits, and how long those waited for it that were cut; of every attempt."""

    first_ms: Floats
    gone_ms: Floats
    gaps: Gaps
    slots: Slots | None
    crowd: Crowd


def _of_streams(observed: Observed, timed: Bools, places: Floats) -> _Times:
    found = _crowd(observed, timed)
    slots = find_slots(found, np.maximum(observed.first_ms[found.rows], _LEAST_MS), places[found.rows])
    gaps = gaps_of_streams(observed, timed, _fullness(found, slots, places))
    return _Times(observed.first_ms, observed.took_ms, gaps, slots, found)


def _of_whole(observed: Observed, timed: Bools, places: Floats) -> _Times:
    """What is left of a reply without its tokens' time is the time to its first."""
    found = _crowd(observed, timed)
    tokens = np.maximum(observed.attempts.completion_tokens, 0).astype(np.float64)
    few = timed & (found.ahead <= np.quantile(found.ahead[timed], _EMPTIEST))
    guess_ms = observed.took_ms - slope_of_whole(observed.took_ms, tokens, few) * tokens
    slots = find_slots(found, np.maximum(guess_ms[found.rows], _LEAST_MS), places[found.rows])
    clear = found.ahead < _room(slots, found, places)
    fullness = _fullness(found, slots, places)
    own_ms, known = _without_waits(observed.took_ms, timed, clear, slots, found)
    gaps = gaps_of_whole(own_ms, tokens, known, fullness)
    first_ms = observed.took_ms - gaps.mean_ms * (1 + gaps.slowdown * fullness) * tokens
    gone_ms = observed.took_ms - gaps.mean_ms * float(tokens[timed].mean())
    return _Times(first_ms, gone_ms, gaps, slots, found)


def _without_waits(
    took_ms: Floats, timed: Bools, clear: Bools, slots: Slots | None, found: Crowd
) -> tuple[Floats, Bools]:
    """Times less the waits in them, and whose are known.

    Those who found a slot free had none. Where these are few, the others' waits follow from the slots.
    """
    known = timed & clear
    if slots is None or slots.points or np.count_nonzero(known) >= ENOUGH_CLEAR:
        return took_ms, known
    own_ms = took_ms.copy()
    own_ms[found.rows] -= found.waits_ms(slots.most)
    known[found.rows] = True
    return own_ms, known


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


def _crowd(observed: Observed, timed: Bools) -> Crowd:
    """Who was there together; of as many attempts, evenly chosen, as can be looked at one by one."""
    occupying = observed.ok | observed.streamed
    ahead = ahead_of(observed, occupying)
    rows = np.flatnonzero(timed)
    most = max(1, min(MOST_ASKED, MOST_AHEAD // max(int(ahead.max(initial=0)), 1)))
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    return crowd(observed, occupying, ahead, rows)


def _room(slots: Slots | None, found: Crowd, places: Floats) -> Ints:
    """The slots there were for each attempt; more than it could find taken where nothing tells of any."""
    return found.ahead + 1 if slots is None else slots.at(places)


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


def _prompts(first_ms: Floats, prompt: Floats, known: Bools) -> Line | None:
    """How the first token waits for the prompt; None where chance could make it."""
    rows = known & (prompt >= 0)
    if not rows.any() or float(np.ptp(prompt[rows])) == 0:
        return None
    line = median_line(first_ms[rows], [prompt[rows]])
    return line if telling(line, 1) else None


def _rise(own_ms: Floats, ahead: Floats) -> float:
    """How much later the first token came among the most others than among the fewest, as a share of it.

    Most and fewest are the 95 % and the 5 % quantile; 0 where chance could make it.
    """
    few, most = np.quantile(ahead, [0.05, 0.95])
    if few == most:
        return 0.0
    line = median_line(own_ms, [ahead])
    early_ms = float(line.at[0] + line.at[1] * few)
    if not telling(line, 1) or early_ms <= 0:
        return 0.0
    return float(line.at[1] * (most - few)) / early_ms


def _hung(cut: Bools, gone_ms: Floats, law: Found, samples: Samples) -> Floats:
    """Of every attempt: the chance that no reply would ever have come, given how long it was waited for."""
    share = law.hung / samples.total
    found = np.zeros(len(cut))
    if share > 0:
        lasts = np.where(gone_ms > 0, 1 - law.law.below(np.maximum(gone_ms, _LEAST_MS)), 1.0)
        found[cut] = (share / (share + (1 - share) * lasts))[cut]
    return found

"""How many replies an API writes at once, read off the time that requests stood in line.

A request finds others ahead of it. If so many slots serve first come, first served, its wait follows from
when those leave; what is left of its time to first token must then look like that of a request that found
the API empty. The number of slots for which it does so best is the likeliest one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reports.fit.crowd import Crowd
from reports.fit.laws import Lognormal, Mixture
from reports.fit.median_line import median_line
from reports.fit.mixture import Samples, one_or_two
from reports.reading.run import Floats, Ints

#: The law of an API without a line is taken from the emptiest moments first, then from all that had no wait.
_EMPTIEST = 0.3
_ROUNDS = 3

#: What a sample that no law explains is worth: a ten-millionth a millisecond.
_UNEXPLAINED = 1e-7

#: By how much slots have to be likelier than none, and how many must have stood in line.
LEAST_GAIN = 20.0
FEWEST_WAITED = 30

#: Half of the 95 % quantile of chi squared with one degree of freedom: Wilks' interval.
_HALF_CHI95 = 1.92

#: A wait shows in the time to first token as itself, up to so much.
_SLOPE_OFF = 0.1

#: In so many stretches of a run the slots may differ; then each has to gain so much by it.
STRETCHES = 12
_GAIN_A_STRETCH = 10.0


@dataclass(frozen=True, slots=True)
class Slots:
    """Replies at once: `most` of them, and at some `points` (where in the run, 0 to 1) how many were ours.

    `points` is empty where they never changed. `low` and `high` are what is nearly as likely (95 %).
    """

    most: int
    low: int
    high: int
    waited: int
    points: tuple[tuple[float, int], ...] = ()

    def at(self, places: Floats) -> Ints:
        """How many there were at these places of the run: between the points along straight lines."""
        if not self.points:
            return np.full(len(places), self.most, dtype=np.int64)
        x, y = zip(*self.points, strict=True)
        return np.asarray(np.floor(np.interp(places, x, y) + 1e-6), dtype=np.int64)


def find_slots(crowd: Crowd, first_ms: Floats, places: Floats) -> Slots | None:
    """The likeliest slots; None where nothing tells of a line.

    `first_ms` are the times to first token of the crowd's `rows`, `places` where in the run they were sent.
    """
    ahead = crowd.ahead[crowd.rows]
    if len(ahead) == 0 or ahead.max() == 0:
        return None
    choices = list(range(1, int(ahead.max()) + 2))
    clear = ahead <= np.quantile(ahead, _EMPTIEST)
    best, likelihood = choices[-1], np.zeros((1, 1))
    for _ in range(_ROUNDS):
        law = one_or_two(Samples.of(first_ms[clear], np.empty(0)), may_hang=False).law
        likelihood = np.array([_explained(law, first_ms - crowd.waits_ms(slots)) for slots in choices])
        found = choices[int(likelihood.sum(axis=1).argmax())]
        if found == best:
            break
        best, clear = found, ahead < found
    sums = likelihood.sum(axis=1)
    waited = int(np.count_nonzero(ahead >= best))
    if sums.max() - sums[-1] < LEAST_GAIN or waited < FEWEST_WAITED:
        return None
    near = [choices[k] for k in np.flatnonzero(sums >= sums.max() - _HALF_CHI95)]
    points = _points(likelihood, choices, best, ahead, places)
    most = max((slots for _, slots in points), default=best)
    slots = Slots(most, near[0] + most - best, near[-1] + most - best, waited, points)
    return slots if _explains(slots, crowd, first_ms, places) else None


def _explains(slots: Slots, crowd: Crowd, first_ms: Floats, places: Floats) -> bool:
    """Whether the first token came as much later as the wait was long: of a mere rise with load not."""
    ours = slots.at(places)
    waits_ms = np.zeros(len(first_ms))
    for some in np.unique(ours):
        mine = ours == some
        waits_ms[mine] = crowd.waits_ms(int(some))[mine]
    waited = waits_ms > 0
    if np.count_nonzero(waited) < FEWEST_WAITED:
        return False
    line = median_line(first_ms[waited], [waits_ms[waited]])
    return bool(abs(line.at[1] - 1) <= max(_SLOPE_OFF, 2 * line.errors[1]))


def _points(
    likelihood: Floats, choices: list[int], best: int, ahead: Ints, places: Floats
) -> tuple[tuple[float, int], ...]:
    """The slots of each stretch of the run that tells of them; none where they were the same throughout."""
    stretch = np.minimum((places * STRETCHES).astype(np.int64), STRETCHES - 1)
    found: list[tuple[float, int]] = []
    gain = 0.0
    for k in range(STRETCHES):
        mine = stretch == k
        sums = likelihood[:, mine].sum(axis=1)
        at = int(sums.argmax())
        waited = int(np.count_nonzero(ahead[mine] >= choices[at]))
        if waited < FEWEST_WAITED or sums[at] - sums[-1] < LEAST_GAIN:
            continue
        gain += float(sums[at] - sums[choices.index(best)])
        found.append(((k + 0.5) / STRETCHES, choices[at]))
    if gain < _GAIN_A_STRETCH * len(found) or len({slots for _, slots in found}) < 2:  # noqa: PLR2004
        return ()
    # Outside of the stretches that tell, the nearest of them holds.
    return ((0.0, found[0][1]), *found, (1.0, found[-1][1]))


def _explained(law: Mixture, values: Floats) -> Floats:
    """The logarithm of how likely each value is, a little of each being anything."""
    positive = np.maximum(values, 1e-6)
    density = (1 - law.share) * _density(law.usual, positive) + law.share * _density(law.slow, positive)
    return np.asarray(np.log(np.where(values > 0, density, 0.0) + _UNEXPLAINED))


def _density(law: Lognormal, values: Floats) -> Floats:
    sigma = max(law.sigma, 1e-3)
    z = np.log(values / law.median) / sigma
    return np.asarray(np.exp(-0.5 * z * z) / (sigma * math.sqrt(2 * math.pi) * values))

"""Lognormal laws from samples of which some were cut off: one, or a mixture of two; by maximum likelihood.

Expectation and maximisation in turn (Dempster, Laird and Rubin, 1977): what is not known of a sample, which
part of the mixture it is of and how long it would have gone on, is replaced by what the law so far expects.
A sample that was cut off may also never have ended at all: `hung` is the share of those (a cure model).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from reports.fit import normal
from reports.fit.laws import Lognormal, Mixture
from reports.reading.run import Floats

#: Samples are gathered in so many steps of their logarithm: a law with more than 0.3 % between them is lost.
STEPS = 2000

#: A part of a mixture is not narrower: a single sample would make its likelihood infinite.
LEAST_SIGMA = 0.01
_LEAST_ALONE = 1e-6

#: Added where a chance of nothing would be divided by.
_TINY = 1e-300

#: By how much two parts have to be likelier than one: the difference in BIC that is called strong (Kass and
#: Raftery, Bayes Factors, 1995).
STRONG_BIC = 6.0

_BEGINNINGS = ((0.02, 3.0), (0.02, 1.8), (0.1, 3.0), (0.1, 1.8), (0.3, 1.5))
_FIRST_ROUNDS, _MOST_ROUNDS = 25, 1500
_SETTLED = 1e-9
_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, slots=True)
class Samples:
    """Logarithms of what was `seen`, and of how long those went on that were `cut`; each with its weight.

    Of `under` samples it is known only that they were below `floor`.
    """

    seen: Floats
    weight: Floats
    cut: Floats
    cut_weight: Floats
    floor: float = 0.0
    under: float = 0.0

    @classmethod
    def of(cls, seen: Floats, cut: Floats, least: float = 0.0) -> Samples:
        """Of positive values, gathered so that the number of samples does not matter.

        What was seen below `least` is taken for no more than that, and need not even be positive.
        """
        known = seen[seen >= least]
        under = float(len(seen) - len(known))
        floor = math.log(least) if least > 0 else 0.0
        return cls(*_gathered(np.log(known)), *_gathered(np.log(cut)), floor, under)

    @property
    def n(self) -> float:
        """Samples that were seen to their end."""
        return float(self.weight.sum()) + self.under

    @property
    def total(self) -> float:
        """All samples."""
        return self.n + float(self.cut_weight.sum())

    def drawn(self, rng: np.random.Generator) -> Samples:
        """As many again, drawn from these: a bootstrap's."""
        weights = np.concatenate((self.weight, self.cut_weight, [self.under]))
        total = weights.sum()
        again = rng.multinomial(round(float(total)), weights / total).astype(np.float64)
        seen = len(self.seen)
        return Samples(self.seen, again[:seen], self.cut, again[seen:-1], self.floor, float(again[-1]))


@dataclass(frozen=True, slots=True)
class Found:
    """The likeliest law, how many of the cut samples had hung, and the logarithm of its likelihood."""

    law: Mixture
    hung: float
    likelihood: float


def one(samples: Samples, *, may_hang: bool = False) -> Found:
    """The likeliest lognormal law of some samples."""
    return _settle(samples, _Parts.around(samples), may_hang)


def one_or_two(samples: Samples, *, may_hang: bool = True) -> Found:
    """The likeliest law of one part, or of two where the samples tell strongly of a second."""
    single = one(samples, may_hang=may_hang)
    double = two(samples, single, may_hang=may_hang)
    gain = 2 * (double.likelihood - single.likelihood) - 3 * math.log(max(samples.total, 1.0))
    return double if gain > STRONG_BIC else single


def two(samples: Samples, near: Found, *, may_hang: bool = True) -> Found:
    """The likeliest mixture of two; it is looked for from several beginnings around a law of one or two."""
    if near.law.share:
        return _settle(samples, _Parts.of(near), may_hang)
    middle, sigma = math.log(near.law.usual.median), max(near.law.usual.sigma, LEAST_SIGMA)
    tried = [
        _settle(
            samples,
            _Parts(
                np.array([1 - share, share]),
                np.array([middle, middle + math.log(apart)]),
                np.array([sigma * 0.8, sigma]),
                0.0,
            ),
            may_hang,
            rounds=_FIRST_ROUNDS,
        )
        for share, apart in _BEGINNINGS
    ]
    best = max(tried, key=lambda found: found.likelihood)
    return _settle(samples, _Parts.of(best), may_hang)


@dataclass(frozen=True, slots=True)
class _Parts:
    """A law under way: shares, log medians and sigmas of its parts, and the share that hangs."""

    share: Floats
    middle: Floats
    sigma: Floats
    hung: float

    @classmethod
    def around(cls, samples: Samples) -> _Parts:
        middle = float(np.average(samples.seen, weights=samples.weight))
        variance = float(np.average((samples.seen - middle) ** 2, weights=samples.weight))
        return cls(np.ones(1), np.array([middle]), np.array([max(math.sqrt(variance), _LEAST_ALONE)]), 0.0)

    @classmethod
    def of(cls, found: Found) -> _Parts:
        law = found.law
        if not law.share:
            parts, shares = [law.usual], [1.0]
        else:
            parts, shares = [law.usual, law.slow], [1 - law.share, law.share]
        medians, sigmas = [math.log(p.median) for p in parts], [p.sigma for p in parts]
        return cls(np.array(shares), np.array(medians), np.array(sigmas), 0.0)

    def law(self) -> Mixture:
        """The same, the part with the greater median being the slow one."""
        order = np.argsort(self.middle)
        parts = [Lognormal(math.exp(self.middle[k]), float(self.sigma[k])) for k in order]
        if len(parts) == 1:
            return Mixture(parts[0], parts[0], 0.0)
        return Mixture(parts[0], parts[1], float(self.share[order[1]]))


def _settle(samples: Samples, parts: _Parts, may_hang: bool, rounds: int = _MOST_ROUNDS) -> Found:  # noqa: FBT001
    """Go round until the likelihood hardly grows."""
    if may_hang and len(samples.cut):
        parts = replace(parts, hung=0.5 * float(samples.cut_weight.sum()) / samples.total)
    before, hung = -math.inf, 0.0
    for _ in range(rounds):
        after, hung, likelihood = _round(samples, parts)
        if likelihood - before < _SETTLED * abs(likelihood):
            break
        before, parts = likelihood, after
    return Found(parts.law(), hung, likelihood)


def _round(samples: Samples, parts: _Parts) -> tuple[_Parts, float, float]:
    """One expectation and maximisation: the parts after it, how many hung, the likelihood before it."""
    sums = _Sums(len(parts.share))
    sums.seen(samples, parts)
    if samples.under:
        sums.under(samples, parts)
    if len(samples.cut):
        sums.cut(samples, parts)
    count = np.maximum(sums.count, 1e-12)
    means = sums.first / count
    least = LEAST_SIGMA if len(parts.share) > 1 else _LEAST_ALONE
    sigmas = np.sqrt(np.maximum(sums.second / count - means**2, least**2))
    after = _Parts(count / count.sum(), means, sigmas, sums.hung / samples.total)
    return after, sums.hung, sums.likelihood


class _Sums:
    """What the samples amount to for each part: how many, their sum and the sum of their squares."""

    def __init__(self, parts: int) -> None:
        self.count, self.first, self.second = np.zeros(parts), np.zeros(parts), np.zeros(parts)
        self.likelihood = self.hung = 0.0

    def seen(self, samples: Samples, parts: _Parts) -> None:
        """Those that were seen, each shared out by how likely either part makes it."""
        sigma = parts.sigma[:, None]
        z = (samples.seen - parts.middle[:, None]) / sigma
        of_part = np.log(parts.share)[:, None] - 0.5 * z * z - np.log(sigma) - _HALF_LOG_TAU
        highest = of_part.max(axis=0)
        odds = np.exp(of_part - highest)
        total = odds.sum(axis=0)
        self.likelihood += float(((highest + np.log(total)) * samples.weight).sum())
        self.likelihood += samples.n * math.log1p(-parts.hung)
        weight = odds / total * samples.weight
        self.count += weight.sum(axis=1)
        self.first += (weight * samples.seen).sum(axis=1)
        self.second += (weight * samples.seen**2).sum(axis=1)

    def under(self, samples: Samples, parts: _Parts) -> None:
        """Those below the floor: E(x | x < floor) and E(x^2 | x < floor) of each part."""
        z = (samples.floor - parts.middle) / parts.sigma
        odds = parts.share * normal.below(z)
        self.likelihood += samples.under * math.log(float(odds.sum()) + _TINY)
        weight = odds / (odds.sum() + _TINY) * samples.under
        self._expected(weight, parts.middle, parts.sigma, -normal.mean_beyond(-z), z)

    def cut(self, samples: Samples, parts: _Parts) -> None:
        """Those that were cut off: they would have gone on beyond it, or had hung."""
        middle, sigma = parts.middle[:, None], parts.sigma[:, None]
        z = (samples.cut - middle) / sigma
        alive = parts.share[:, None] * normal.beyond(z) * (1 - parts.hung)
        total = alive.sum(axis=0) + parts.hung + _TINY
        self.likelihood += float((np.log(total) * samples.cut_weight).sum())
        self.hung = float((parts.hung / total * samples.cut_weight).sum())
        weight = alive / total * samples.cut_weight
        self._expected(weight, middle, sigma, normal.mean_beyond(z), z)

    def _expected(self, weight: Floats, middle: Floats, sigma: Floats, mean: Floats, z: Floats) -> None:
        """Add samples of which only a side of z is known, `mean` being E(Z) on it: E(Z^2) is 1 + z E(Z)."""
        first = middle + sigma * mean
        second = middle**2 + 2 * middle * sigma * mean + sigma**2 * (1 + z * mean)
        self.count += _by_part(weight)
        self.first += _by_part(weight * first)
        self.second += _by_part(weight * second)


def _by_part(values: Floats) -> Floats:
    return np.asarray(values.reshape(len(values), -1).sum(axis=1), dtype=np.float64)


def _gathered(values: Floats) -> tuple[Floats, Floats]:
    """Values that are close together as their mean, and how many each stands for."""
    if len(values) <= STEPS:
        return values, np.ones(len(values))
    low, high = float(values.min()), float(values.max())
    place = np.minimum(((values - low) / max(high - low, 1e-12) * STEPS).astype(np.int64), STEPS - 1)
    counts = np.bincount(place, minlength=STEPS)
    sums = np.bincount(place, weights=values, minlength=STEPS)
    held = counts > 0
    return sums[held] / counts[held], counts[held].astype(np.float64)

"""Latencies whose quantiles are known: what intervals promise can be held against the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from reports.reading.run import Floats

LOAD = 0.85

#: Calls that are thrown away at the start, which is empty: eighteen times the relaxation time of M/M/1,
#: 1 / (1 - sqrt(rho))^2 services.
SETTLING = 3000

#: Runs that stand for the truth where no formula does.
LONG_RUNS, LONG_CALLS = 20, 1_000_000
MANY_EVENINGS = 8000

Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]


@dataclass(frozen=True, slots=True)
class Source:
    """Where latencies come from: a row a run, of so many calls; and their quantiles, by a run's calls."""

    name: str
    latencies: Callable[[np.random.Generator, int, int], Floats]
    truth: Callable[[float, int], float]


def served(draw: Draw, rng: np.random.Generator, runs: int, calls: int) -> Floats:
    """Times in a queue with one server at 85 % load, wait and service, by Lindley's recursion, once settled.

    With U the sums of (service - gap to the next arrival), the wait of call n is U_n - min of U_0 to U_n.
    """
    shape = (runs, calls + SETTLING)
    took = draw(rng, shape)
    sums = np.zeros(shape)
    np.cumsum(took[:, :-1] - rng.exponential(1 / LOAD, shape)[:, 1:], axis=1, out=sums[:, 1:])
    waits = sums - np.minimum.accumulate(sums, axis=1)
    return (waits + took)[:, SETTLING:]


def evenings(rng: np.random.Generator, runs: int, calls: int) -> Floats:
    """Latencies of evenings that all have their peak: no queue, but nothing is steady, neighbours are alike.

    Their log is a peak of 1.5 in the middle, an evening's own level (standard deviation 0.1), a mean of the
    last 50 of a noise (0.3), and each call's own (0.4).
    """
    peak = 1.5 * np.exp(-(np.linspace(-3, 3, calls) ** 2) / 2)
    sums = np.cumsum(rng.normal(0, 1, (runs, calls + 50)), axis=1)
    swell = 0.3 * (sums[:, 50:] - sums[:, :-50]) / np.sqrt(50)
    level = rng.normal(0, 0.1, (runs, 1))
    return np.exp(peak + level + swell + rng.normal(0, 0.4, (runs, calls)))


def _exponential(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return rng.exponential(1.0, shape)


def _one(_: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return np.ones(shape)


def _lognormal(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """As skewed as lengths of replies are: sigma 1, coefficient of variation 1.3."""
    return rng.lognormal(-0.5, 1.0, shape)


def _queue(name: str, draw: Draw, truth: Callable[[float, int], float] | None = None) -> Source:
    """With service times of mean 1 as they are drawn."""
    return Source(
        name,
        lambda rng, runs, calls: served(draw, rng, runs, calls),
        truth or (lambda q, _: _quantile(draw, q)),
    )


@cache
def _quantile(draw: Draw, q: float) -> float:
    return float(np.quantile(_long(draw), q))


@cache
def _long(draw: Draw) -> Floats:
    rng = np.random.default_rng(20)
    return np.concatenate([served(draw, rng, 1, LONG_CALLS)[0] for _ in range(LONG_RUNS)])


@cache
def _evening(q: float, calls: int) -> float:
    rng = np.random.default_rng(21)
    many = [evenings(rng, 400, calls).ravel() for _ in range(MANY_EVENINGS // 400)]
    return float(np.quantile(np.concatenate(many), q))


#: The time in an M/M/1 queue is exponential of rate mu - lambda.
MARKOV = _queue("M/M/1", _exponential, lambda q, _: float(-np.log(1 - q) / (1 - LOAD)))
CONSTANT = _queue("M/D/1", _one)
LOGNORMAL = _queue("M/LogN/1", _lognormal)
EVENING = Source("evenings", evenings, _evening)

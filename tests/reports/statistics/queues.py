"""Queues with one server, whose latencies are known: what intervals promise can be held against the truth."""

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

#: Calls of the run that stands for the truth where no formula does.
LONG_RUNS, LONG_CALLS = 20, 1_000_000

Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]


@dataclass(frozen=True, slots=True)
class Service:
    """A law of service times of mean 1; `known` gives quantiles of the time in the system."""

    name: str
    draw: Draw
    known: Callable[[float], float] | None = None


#: The time in an M/M/1 queue is exponential of rate mu - lambda.
MARKOV = Service(
    "M/M/1", lambda rng, shape: rng.exponential(1.0, shape), lambda q: -np.log(1 - q) / (1 - LOAD)
)
CONSTANT = Service("M/D/1", lambda _, shape: np.ones(shape))
#: As skewed as lengths of replies are: sigma 1, coefficient of variation 1.3.
LOGNORMAL = Service("M/LogN/1", lambda rng, shape: rng.lognormal(-0.5, 1.0, shape))


def latencies(service: Service, rng: np.random.Generator, runs: int, calls: int) -> Floats:
    """Times in the system, a row a run: wait + service, by Lindley's recursion, from a settled start.

    With U the sums of (service - gap to the next arrival), the wait of call n is U_n - min of U_0 to U_n.
    """
    shape = (runs, calls + SETTLING)
    took = service.draw(rng, shape)
    sums = np.zeros(shape)
    np.cumsum(took[:, :-1] - rng.exponential(1 / LOAD, shape)[:, 1:], axis=1, out=sums[:, 1:])
    waits = sums - np.minimum.accumulate(sums, axis=1)
    return (waits + took)[:, SETTLING:]


@cache
def truth(service: Service, q: float) -> float:
    """The q-quantile of the time in the system; of a run of 20 million calls where no formula gives it."""
    return service.known(q) if service.known is not None else float(np.quantile(_long(service), q))


@cache
def _long(service: Service) -> Floats:
    rng = np.random.default_rng(20)
    return np.concatenate([latencies(service, rng, 1, LONG_CALLS)[0] for _ in range(LONG_RUNS)])

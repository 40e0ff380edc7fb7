"""When calls arrive: renewal processes carried onto a rate curve by a change of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.rng import array_stream
from harness.workload.curve import Floats, RateCurve
from harness.workload.shops import Shops

Law = Literal["poisson", "gamma", "constant"]
LAWS: tuple[Law, ...] = ("poisson", "gamma", "constant")

MICROSECOND_NS = 1_000


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Instants in nanoseconds from the start, rising, and the index of the shop behind each."""

    at_ns: NDArray[np.int64]
    shop: NDArray[np.int32]


def draw(curve: RateCurve, law: Law, shops: Shops, seed: int) -> Arrivals:
    """One evening's arrivals.

    With unit-rate instants u and the curve's integral L, arrivals at L^-1(u) follow the curve exactly, for
    any law of the gaps. `gamma`: each shop is a Gamma renewal process with its own coefficient of
    variation; `poisson`: the same with 1; `constant`: evenly spaced over all shops.
    """
    if law == "constant":
        count = int(curve.total)
        counts: Floats = np.arange(count, dtype=np.float64) + 0.5
        shop = array_stream(seed, "shop of").choice(len(shops.weights), size=count, p=shops.weights)
    else:
        pairs = zip(shops.weights.tolist(), shops.cvs.tolist(), strict=True)
        parts = [
            _renewal(curve.total * weight, cv if law == "gamma" else 1.0, seed, index) / weight
            for index, (weight, cv) in enumerate(pairs)
        ]
        counts = np.concatenate(parts)
        shop = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
    order = np.argsort(counts, kind="stable")
    at_us = np.round(curve.inverse(counts[order]) * 1e6).astype(np.int64)
    return Arrivals(at_us * MICROSECOND_NS, shop[order].astype(np.int32))


def _renewal(length: float, cv: float, seed: int, index: int) -> Floats:
    """Instants in [0, length) of a stationary renewal process with Gamma gaps of mean 1.

    Its first gap is the rest of a gap already running: a uniform share of a length-biased one, which for
    Gamma(k) is Gamma(k + 1) (Cox, Renewal Theory, section 5).
    """
    rng = array_stream(seed, "arrivals", index)
    shape = 1.0 / cv**2
    first = rng.random() * rng.gamma(shape + 1) / shape
    instants = [np.array([first])]
    last = first
    while last < length:
        gaps = rng.gamma(shape, size=max(16, int((length - last) * 1.2))) / shape
        instants.append(last + np.cumsum(gaps))
        last = float(instants[-1][-1])
    every = np.concatenate(instants)
    return np.asarray(every[every < length], dtype=np.float64)

"""The customers of the copywriting service: a few carry most of the load, and they come in bursts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.rng import array_stream
from harness.workload.curve import Floats

SHOPS = 200

# Zipf exponent: the ten largest of 200 carry 70 % of the calls. ServeGen: the top ten carry 63-93 %.
ZIPF = 1.3

# Coefficient of variation of a shop's gaps, lognormal. ServeGen: median 1.0-1.3, p90 4.7-6.6; the largest
# shops are cut at 4, or one of them alone would decide what an evening of minutes looks like.
CV_MEDIAN = 1.2
CV_SIGMA = 1.0
CV_RANGE = (0.5, 4.0)

_NAMES = tuple(f"shop-{number:03d}" for number in range(1, SHOPS + 1))


@dataclass(frozen=True, slots=True)
class Shops:
    """Share of the load and burstiness of each shop, the largest first."""

    weights: Floats
    cvs: Floats

    def name(self, index: int) -> str:
        """A shop's name, "shop-001" for the largest."""
        return _NAMES[index]


def make_shops(seed: int) -> Shops:
    """The shops of a seed."""
    weights = 1.0 / np.arange(1, SHOPS + 1) ** ZIPF
    cvs = np.exp(array_stream(seed, "shop cv").normal(np.log(CV_MEDIAN), CV_SIGMA, SHOPS))
    return Shops(weights / weights.sum(), np.clip(cvs, *CV_RANGE))

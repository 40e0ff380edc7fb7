"""The laws that a profile of the mock server has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reports.fit import normal
from reports.reading.run import Floats

#: Halvings of the bracket of a quantile: it ends a billionth wide.
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Lognormal:
    """median * exp(sigma * z)."""

    median: float
    sigma: float

    def below(self, values: Floats) -> Floats:
        """The share at or below each of some positive values."""
        if self.sigma == 0:
            return np.where(values >= self.median, 1.0, 0.0)
        return normal.below(np.log(values / self.median) / self.sigma)

    def quantile(self, share: float) -> float:
        """Below which a share inside (0, 1) lies."""
        return self.median * math.exp(self.sigma * normal.score(share))


@dataclass(frozen=True, slots=True)
class Mixture:
    """Of each value: by chance `share` of the `slow` law, else of the `usual` one."""

    usual: Lognormal
    slow: Lognormal
    share: float

    def below(self, values: Floats) -> Floats:
        """The share at or below each of some positive values."""
        return (1 - self.share) * self.usual.below(values) + self.share * self.slow.below(values)

    def quantile(self, share: float) -> float:
        """Below which a share inside (0, 1) lies."""
        if self.share == 0:
            return self.usual.quantile(share)
        ends = sorted((self.usual.quantile(share), self.slow.quantile(share)))
        low, high = math.log(ends[0]), math.log(ends[1])
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if float(self.below(np.array([math.exp(middle)]))[0]) < share:
                low = middle
            else:
                high = middle
        return math.exp((low + high) / 2)


Law = Lognormal | Mixture

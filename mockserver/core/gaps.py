"""The times between the tokens of a reply.

Each gap is lognormal with the profile's mean and coefficient of variation: sigma^2 = ln(1 + cv^2). They are
not drawn one by one: a table holds the law's quantiles in a random order, and a reply takes as many of them
in turn as it has tokens, from a place drawn for it. So the time of any event is a difference of two prefix
sums, and the whole is the sum of its gaps.
"""

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from math import exp, fsum, log
from random import Random

import msgspec

from mockserver.core.draws import standard_normal, uniform
from mockserver.profile import InterToken
from mockserver.units import US_PER_MS

TABLE_SIZE = 2**16

_SHUFFLE_SEED = 3  # any: the order is the same for everyone
_KEPT_TABLES = 16


class Gaps(msgspec.Struct, frozen=True):
    """The gaps of one reply: `mean_us` of one, and where in `prefix` (empty: all are equal) they begin."""

    mean_us: float
    offset: int
    prefix: tuple[float, ...]

    def sum_us(self, count: int) -> int:
        """Microseconds of the first `count` gaps."""
        if not self.prefix:
            return round(self.mean_us * count)
        return round(self.mean_us * (self._until(self.offset + count) - self._until(self.offset)))

    def passed(self, us: int) -> int:
        """How many gaps are over after that time."""
        if self.mean_us == 0:
            raise ValueError("gaps of no length are never counted")
        if self.prefix:
            rounds, part = divmod(us / self.mean_us + self._until(self.offset), TABLE_SIZE)
            count = round(rounds) * TABLE_SIZE + bisect_right(self.prefix, part) - 1 - self.offset
        else:
            count = int(us / self.mean_us)
        # Rounded to whole microseconds, a gap may end one earlier or later than its exact sum.
        while self.sum_us(count + 1) <= us:
            count += 1
        while count > 0 and self.sum_us(count) > us:
            count -= 1
        return max(0, count)

    def _until(self, index: int) -> float:
        rounds, place = divmod(index, TABLE_SIZE)
        return rounds * TABLE_SIZE + self.prefix[place]


def prepare(inter_token: InterToken) -> None:
    """Make the table that `draw_gaps` needs: it takes some 30 ms, and no request should wait for that."""
    if inter_token.mean_ms and inter_token.cv:
        multipliers(inter_token.cv)


def draw_gaps(inter_token: InterToken, seed: int, call: int, attempt: int, stretch: float) -> Gaps:
    """The gaps of an attempt, stretched by the load of the batch."""
    mean_us = inter_token.mean_ms * stretch * US_PER_MS
    if mean_us == 0 or inter_token.cv == 0:
        return Gaps(mean_us, 0, ())
    offset = int(uniform(seed, "inter-token", call, attempt) * TABLE_SIZE)
    return Gaps(mean_us, offset, multipliers(inter_token.cv))


@lru_cache(maxsize=_KEPT_TABLES)
def multipliers(cv: float) -> tuple[float, ...]:
    """Prefix sums of TABLE_SIZE lognormal multipliers with mean 1, from 0 to just below TABLE_SIZE."""
    variance = log(1 + cv * cv)
    sigma = variance**0.5
    levels = ((index + 0.5) / TABLE_SIZE for index in range(TABLE_SIZE))
    values = [exp(sigma * standard_normal(level) - variance / 2) for level in levels]
    scale = TABLE_SIZE / fsum(values)
    Random(_SHUFFLE_SEED).shuffle(values)
    return tuple(accumulate((value * scale for value in values[:-1]), initial=0.0))

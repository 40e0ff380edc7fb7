"""A leaky bucket: wait = (used + requested - size) / (limit / 60), from the provider's own error message.

All arithmetic is in whole units of 1/60,000,000 request or token, of which a limit of L a minute drains L a
microsecond: nothing is rounded, so a caller who waits exactly as told is let through.
"""

import msgspec

from mockserver.core.lows import Lows
from mockserver.units import US_PER_S

UNITS = 60_000_000


class Level(msgspec.Struct, frozen=True):
    """What the rate-limit headers say about one bucket; `reset_us` is the time until it is empty."""

    limit: int
    remaining: int
    reset_us: int


class Bucket:
    """It drains `limit` a minute, and holds `limit * window_s / 60`."""

    __slots__ = ("_lows", "_size", "_updated_us", "_used", "limit")

    def __init__(self, limit: int, window_s: float, now_us: int) -> None:
        self.limit = limit
        self._size = limit * round(window_s * US_PER_S)
        self._used = 0
        self._updated_us = now_us
        self._lows = Lows()

    def wait_us(self, amount: int, now_us: int) -> int | None:
        """Microseconds until `amount` fits: 0 now, None never.

        An amount larger than the bucket, but not than the limit, passes when the bucket is empty.
        """
        if amount > self.limit:
            return None
        self._drain(now_us)
        units = amount * UNITS
        over = self._used + units - max(self._size, units)
        return max(0, -(-over // self.limit))

    def add(self, amount: int, now_us: int) -> int:
        """Pour in; gives the moment to be named when some of it is given back."""
        self._drain(now_us)
        moment = self._lows.rise(self._used)
        self._used += amount * UNITS
        return moment

    def give_back(self, amount: int, moment: int, now_us: int) -> None:
        """Some of what was poured in at that moment should not have been.

        What of it has drained by now is gone: with so much less poured in the bucket would have run empty
        earlier, and have stayed so. So it gives back no more than its least level since then.
        """
        self._drain(now_us)
        units = min(amount * UNITS, self._lows.since(moment, self._used))
        self._lows.lower(moment, units)
        self._used -= units

    def add_refused(self, amount: int, now_us: int) -> None:
        """Pour in what a refused request counts: no further than the brim."""
        self._drain(now_us)
        self._used = max(self._used, min(self._size, self._used + amount * UNITS))

    def used(self, now_us: int) -> int:
        self._drain(now_us)
        return -(-self._used // UNITS)

    def level(self, now_us: int) -> Level:
        remaining = max(0, self._size // UNITS - self.used(now_us))
        return Level(self.limit, remaining, -(-self._used // self.limit))

    def _drain(self, now_us: int) -> None:
        if now_us > self._updated_us:
            self._used = max(0, self._used - self.limit * (now_us - self._updated_us))
            self._updated_us = now_us

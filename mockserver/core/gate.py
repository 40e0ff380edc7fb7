"""How fast new connections are let in: a token bucket in whole units, so that waits are exact."""

from mockserver.profile import FrontSettings

# Units of one permit; a rate of R a second fills R * 10^6 of them a microsecond.
PERMIT = 10**12
UNITS_PER_US = 10**6


class Gate:
    """Lets `connections_per_s` through, and `burst` at once after a pause."""

    __slots__ = ("_burst", "_fill_per_us", "_level", "_updated_us")

    def __init__(self, settings: FrontSettings, now_us: int) -> None:
        self._fill_per_us = round(settings.connections_per_s * UNITS_PER_US)
        self._burst = settings.burst * PERMIT
        self._level = self._burst
        self._updated_us = now_us

    def wait_us(self, now_us: int) -> int:
        """Microseconds until the next connection may be let in; 0 is now."""
        if self._fill_per_us == 0:
            return 0
        self._fill(now_us)
        return max(0, -(-(PERMIT - self._level) // self._fill_per_us))

    def enter(self, now_us: int) -> None:
        """A connection was let in."""
        self._fill(now_us)
        self._level -= PERMIT

    def _fill(self, now_us: int) -> None:
        elapsed_us = max(0, now_us - self._updated_us)
        self._level = min(self._burst, self._level + elapsed_us * self._fill_per_us)
        self._updated_us = max(self._updated_us, now_us)

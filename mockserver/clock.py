"""The server's clock: the only place that reads time."""

import time

from mockserver.units import NS_PER_US


class Clock:
    """Whole microseconds since the clock was made, monotonic; `start_ns` is when, on the system's clock."""

    __slots__ = ("start_ns",)

    def __init__(self) -> None:
        self.start_ns = time.perf_counter_ns()

    def now_us(self) -> int:
        """Microseconds since this clock was made.

        Not `loop.time()`: uvloop's has a resolution of one millisecond.
        """
        return (time.perf_counter_ns() - self.start_ns) // NS_PER_US

    def unix_us(self) -> int:
        """Wall time for what replies say about it; never used to measure."""
        return time.time_ns() // NS_PER_US

"""The only place that reads clocks.

`now_ns` measures; deadlines and sleeps belong to the event loop. Wall time is taken once a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Nanoseconds of a monotonic clock with nanosecond resolution. uvloop's `loop.time()` has 1 ms.
now_ns: Callable[[], int] = time.perf_counter_ns

#: CPU time of this process, in nanoseconds.
cpu_ns: Callable[[], int] = time.process_time_ns

#: Nanoseconds since 1970, for the manifest and for aligning processes at a run's start.
wall_ns: Callable[[], int] = time.time_ns


def origin_of(wall_start_ns: int) -> int:
    """The reading of `now_ns` at the given wall instant, so that processes share a run's zero."""
    return now_ns() - (wall_ns() - wall_start_ns)

"""How failed calls count among the latencies of all calls."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from reports.reading.run import NS_PER_MS, Calls, Floats

#: As infinite, so that failing fast never looks fast; or by how long it took to be told no.
Failures = Literal["infinite", "took"]

CHOICES: tuple[Failures, ...] = get_args(Failures)


def took_ms(calls: Calls) -> Floats:
    """Of every call, failed or not: end - intended."""
    return np.asarray((calls.end_ns - calls.intended_ns) / NS_PER_MS)

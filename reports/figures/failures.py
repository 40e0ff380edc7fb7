"""How failed calls count among the latencies of all calls."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from reports.reading.run import NS_PER_MS, Bools, Calls, Floats

#: As infinite, so that failing fast never looks fast; or by how long it took to be told no.
Failures = Literal["infinite", "took"]

CHOICES: tuple[Failures, ...] = get_args(Failures)


def took_ms(calls: Calls, among: Bools | None = None) -> Floats:
    """Of every call, failed or not, or of those `among` them: end - intended."""
    rows = slice(None) if among is None else among
    # Float64 holds whole nanoseconds up to 104 days. In place: ten million of them are 80 MB each time.
    took = calls.end_ns[rows].astype(np.float64)
    took -= calls.intended_ns[rows]
    took /= NS_PER_MS
    return took

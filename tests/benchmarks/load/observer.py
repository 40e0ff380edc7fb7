"""An ideal observer of a server that freezes: what every call of a schedule takes, by arithmetic alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.reading.run import Ints


@dataclass(frozen=True)
class Freeze:
    """From `stop_ns` up to `cont_ns` of the run the server's process stands still."""

    stop_ns: int
    cont_ns: int


def latencies_ns(arrivals_ns: Ints, service_ns: int, freeze: Freeze) -> Ints:
    """Of a server without limits that answers `service_ns` after it has read a request, and is stopped once.

    A stopped process (SIGSTOP) neither reads nor writes, while the kernel keeps what arrives for it and its
    timers run out: a request that arrives in the freeze is read at its end, and takes its whole service from
    there; an answer that falls due in the freeze is sent at its end; one that is due later is not held up.
    """
    frozen = _inside(arrivals_ns, freeze)
    read_ns = np.where(frozen, freeze.cont_ns, arrivals_ns)
    due_ns = read_ns + service_ns
    answered_ns = np.where(_inside(due_ns, freeze), freeze.cont_ns, due_ns)
    return np.asarray(answered_ns - arrivals_ns, np.int64)


def _inside(instants_ns: Ints, freeze: Freeze) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray((freeze.stop_ns <= instants_ns) & (instants_ns < freeze.cont_ns))

"""Stop a process at one instant of a run, and let it go on at another."""

from __future__ import annotations

import signal
import time
from contextlib import suppress

import psutil

from tests.benchmarks.load.observer import Freeze
from tests.benchmarks.load.section import SectionError

NS = 1_000_000_000


def freeze(process: psutil.Process, started_unix_ns: int, wanted: Freeze) -> Freeze:
    """Waits for the instants, counted from `started_unix_ns`, and gives when it was done in truth.

    However this ends, the process goes on: a stopped one would outlive us. Raises SectionError when it is
    gone.
    """

    def at(instant_ns: int, sign: signal.Signals) -> int:
        time.sleep(max(0.0, (started_unix_ns + instant_ns - time.time_ns()) / NS))
        process.send_signal(sign)
        return time.time_ns() - started_unix_ns

    try:
        stop_ns = at(wanted.stop_ns, signal.SIGSTOP)
        return Freeze(stop_ns, at(wanted.cont_ns, signal.SIGCONT))
    except psutil.NoSuchProcess:
        raise SectionError("the server ended before it was to be frozen, or in its freeze") from None
    finally:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)

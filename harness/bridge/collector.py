"""Python's garbage collector during a run: small passes at a steady pace, large ones seldom, all told.

Left to itself it looks when more containers were made than freed. With thousands of calls in flight those of
a new call and of an old one cancel out, until one pass over the young finds hundreds of thousands: 170 ms in
which nothing is sent, where a pass every tenth of a second takes one.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

from harness.units import NS

#: Between two passes over what is new.
YOUNG_EVERY_S = 0.1

#: Full passes find the cycles that outlived a small one. They take at most this share of the time, and no
#: more than one comes in this time.
FULL_SHARE = 0.002
FULL_EVERY_S = 60.0

YOUNG, FULL = 0, 2


class QuietCollector:
    """Everything that is there when it starts is never looked at again, until it stops.

    `note(at_ns, generation, pause_ns)` is told of each collection, in the thread that met it.
    """

    def __init__(self, now_ns: Callable[[], int], note: Callable[[int, int, int], None]) -> None:
        self._now_ns = now_ns
        self._note = note
        self._began_ns = 0
        self._pause_ns = 0
        self._was_enabled = True

    def start(self) -> None:
        """At the start of a run."""
        self._was_enabled = gc.isenabled()
        gc.collect()
        gc.freeze()
        gc.disable()
        gc.callbacks.append(self._told)

    async def run(self) -> None:
        """Collect on the loop for as long as the task lives."""
        full_at_ns = self._now_ns() + round(FULL_EVERY_S * NS)
        while True:
            await asyncio.sleep(YOUNG_EVERY_S)
            if self._now_ns() < full_at_ns:
                gc.collect(YOUNG)
            else:
                gc.collect(FULL)
                full_at_ns = self._now_ns() + max(
                    round(FULL_EVERY_S * NS), round(self._pause_ns / FULL_SHARE)
                )

    def stop(self) -> None:
        """At its end: everything as it was, but that nothing is frozen. A second time it does nothing."""
        if self._told in gc.callbacks:
            gc.callbacks.remove(self._told)
            gc.unfreeze()
            if self._was_enabled:
                gc.enable()

    def _told(self, phase: str, info: dict[str, Any]) -> None:
        now_ns = self._now_ns()
        if phase == "start":
            self._began_ns = now_ns
            return
        self._pause_ns = now_ns - self._began_ns
        self._note(now_ns, int(info["generation"]), self._pause_ns)

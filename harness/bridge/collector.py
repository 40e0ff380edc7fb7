"""Python's garbage collector during a run: out of the way, and told of when it is not."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

#: Containers gained before the youngest are looked at, and how often that goes on to the older ones. With
#: Python's own (700, 10, 10) a run of thousands of calls a second spends a fifth of its time here.
THRESHOLDS = (20_000, 50, 100)


class QuietCollector:
    """Everything that is there when it starts is never looked at again, until it stops; the rest seldom.

    `note(at_ns, generation, pause_ns)` is told of each collection, in the thread that met it.
    """

    def __init__(self, now_ns: Callable[[], int], note: Callable[[int, int, int], None]) -> None:
        self._now_ns = now_ns
        self._note = note
        self._before = gc.get_threshold()
        self._began_ns = 0

    def start(self) -> None:
        """At the start of a run."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        gc.callbacks.append(self._told)

    def stop(self) -> None:
        """At its end: everything as it was. A second time it does nothing."""
        if self._told in gc.callbacks:
            gc.callbacks.remove(self._told)
            gc.set_threshold(*self._before)
            gc.unfreeze()

    def _told(self, phase: str, info: dict[str, Any]) -> None:
        now_ns = self._now_ns()
        if phase == "start":
            self._began_ns = now_ns
        else:
            self._note(now_ns, int(info["generation"]), now_ns - self._began_ns)

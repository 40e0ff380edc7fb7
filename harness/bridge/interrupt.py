"""Ctrl-C as an action on the hub, instead of a KeyboardInterrupt raised wherever the hub happens to be."""

from __future__ import annotations

import signal
from collections.abc import Callable

import gevent


class OnInterrupt:
    """The first Ctrl-C does `first`, a further one `then`; without `then`, a further one is Python's own."""

    def __init__(self, first: Callable[[], object], then: Callable[[], object] | None = None) -> None:
        self._first = first
        self._then = then
        self._watcher = gevent.signal_handler(signal.SIGINT, self._fire)
        self._fired = False

    def _fire(self) -> None:
        if self._fired:
            if self._then is not None:
                self._then()
            return
        self._fired = True
        if self._then is None:
            self._watcher.cancel()
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._first()

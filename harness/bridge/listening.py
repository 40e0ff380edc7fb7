"""Messages of Locust's go on being received while somebody waits for what they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent

#: How often it is looked whether somebody receives.
LOOK_S = 0.1


class Listening:
    """A runner's receiving of messages: `receive` is the endless loop that Locust runs in a greenlet.

    Locust stops a test in that very greenlet where a message says so, and ends it before the process does.
    But what is waited for then comes as messages: the last of what workers record, the word that it arrived.
    """

    def __init__(self, receive: Callable[[], object]) -> None:
        self._receive = receive
        self._receivers: list[gevent.Greenlet] = []
        self._waiting: list[gevent.Greenlet] = []

    def here(self) -> None:
        """To be called by handlers of messages: this is the greenlet."""
        if not self._receivers:
            self._receivers.append(gevent.getcurrent())

    @contextmanager
    def held_open(self) -> Iterator[None]:
        """Another greenlet receives where none does: the present one waits, or the one that did has ended."""
        if not self._receivers:  # nothing ever came
            yield
            return
        self._waiting.append(gevent.getcurrent())
        other = gevent.spawn(self._stand_in)
        try:
            yield
        finally:
            other.kill()
            self._waiting.remove(gevent.getcurrent())

    def _stand_in(self) -> None:
        while any(not one.dead and one not in self._waiting for one in self._receivers):
            gevent.sleep(LOOK_S)
        self._receivers.append(gevent.getcurrent())
        self._receive()

"""Slots, and the queue before them: a generation starts, waits its turn, or is turned away.

The other customers hold a fraction b of the slots, so ours are floor(slots * (1 - b)). When b rises, what
runs goes on, and nothing starts until enough has ended. First come, first served: nobody who waits is
overtaken. It has no clock: whoever drives it says what b is now.
"""

import math
from dataclasses import dataclass
from typing import Literal

from mockserver.profile import CapacitySettings

Placement = Literal["started", "queued", "rejected"]


@dataclass(frozen=True, slots=True)
class Started:
    """A waiting ticket whose turn has come, and how full the batch was then (0 to 1)."""

    ticket: int
    fullness: float


class Capacity:
    """Which tickets run and which wait."""

    __slots__ = ("_running", "_settings", "_waiting")

    def __init__(self, settings: CapacitySettings) -> None:
        self._settings = settings
        self._running: set[int] = set()
        # A dict is an ordered set: first in, first out, and a caller who leaves is removed at once.
        self._waiting: dict[int, None] = {}

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def queued(self) -> int:
        return len(self._waiting)

    def configure(self, settings: CapacitySettings) -> None:
        """Other numbers from now on; what runs or waits keeps its place."""
        self._settings = settings

    def share(self, background: float) -> float:
        """Our slots at this background load; infinite without a limit."""
        if self._settings.slots == 0:
            return math.inf
        # 200 * (1 - 0.45) is 110.00000000000001 or 109.99999999999999: no slot may hang on that.
        return math.floor(round(self._settings.slots * (1 - background), 6))

    def fullness(self, background: float) -> float:
        """The fraction of the whole batch that is busy, the others included."""
        if self._settings.slots == 0:
            return 0.0
        return min(1.0, len(self._running) / self._settings.slots + background)

    def arrive(self, ticket: int, background: float) -> Placement:
        if not self._waiting and len(self._running) < self.share(background):
            self._running.add(ticket)
            return "started"
        if len(self._waiting) < self._settings.queue:
            self._waiting[ticket] = None
            return "queued"
        return "rejected"

    def leave(self, ticket: int, background: float) -> tuple[Started, ...]:
        """A ticket has ended or gone away, running or waiting; says who starts in its place."""
        self._running.discard(ticket)
        self._waiting.pop(ticket, None)
        return self.tick(background)

    def tick(self, background: float) -> tuple[Started, ...]:
        """Who starts now; to be asked now and then, as the background may have fallen."""
        started = []
        while self._waiting and len(self._running) < self.share(background):
            ticket = next(iter(self._waiting))
            del self._waiting[ticket]
            self._running.add(ticket)
            started.append(Started(ticket, self.fullness(background)))
        return tuple(started)

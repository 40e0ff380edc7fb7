"""Write one worker's share of a run: what the client's events say.

Events are gathered as they are; `flush` turns them into one record batch a table and
hands it to the operating system, so that after SIGKILL everything up to the last flush can be read, batch by
batch. Call `flush` at least once a second.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from harness.model import (
    AttemptFinished,
    BreakerChanged,
    CallFinished,
    Event,
    LimitChanged,
    Paused,
)
from harness.record.arrow import Table
from harness.record.cells import Note, attempt_cells, call_cells, note_cells
from harness.record.schema import ATTEMPTS, CALLS, EVENTS
from harness.units import NS

#: An attempt and a call of each; anything else is rare.
_FREQUENT = frozenset({CallFinished, AttemptFinished})


class Recorder:
    """Records the events of one worker's client into `directory`; times become relative to `origin_ns`.

    `origin_ns` is the clock's reading at the run's start. Raises OSError where the folder cannot be written;
    a failed flush raises, too, and what it held is not `counted`.
    """

    def __init__(self, directory: Path, worker: int, origin_ns: int) -> None:
        def path(table: str) -> Path:
            return directory / f"{table}-{worker}-{identity}.arrow"

        identity = uuid.uuid4().hex[:8]
        self._calls = Table(path("calls"), CALLS, partial(call_cells, worker, origin_ns))
        self._attempts = Table(path("attempts"), ATTEMPTS, partial(attempt_cells, worker, origin_ns))
        self._notes = Table(path("events"), EVENTS, partial(note_cells, worker, origin_ns))
        self._tables = (self._calls, self._attempts, self._notes)
        self._take: dict[type, Callable[[Any], None]] = {
            CallFinished: self._call,
            AttemptFinished: self._attempt,
            BreakerChanged: self._breaker,
            LimitChanged: self._limit,
            Paused: self._pause,
        }

    @property
    def counted(self) -> int:
        """Calls that are on disk."""
        return self._calls.written

    def __call__(self, event: Event) -> None:
        """Take one event of the client; a wait is none of a kind: its duration stands in the call's row."""
        take = self._take.get(type(event))
        if take is not None:
            take(event)

    def extend(self, events: list[Event]) -> None:
        """Take many events at once."""
        self._calls.items.extend(e.call for e in events if type(e) is CallFinished)
        self._attempts.items.extend(e.attempt for e in events if type(e) is AttemptFinished)
        for event in events:
            if type(event) not in _FREQUENT:
                self(event)

    def note(self, at_ns: int, name: str, value: float, text: str = "") -> None:
        """Note something of the generator itself, by a name of the events table."""
        self._notes.items.append(Note(at_ns, name, text, value))

    def flush(self) -> None:
        """Hand everything gathered so far to the operating system."""
        for table in self._tables:
            table.flush()

    def close(self) -> None:
        """Flush and end the streams."""
        for table in self._tables:
            table.close()

    def _call(self, event: CallFinished) -> None:
        self._calls.items.append(event.call)

    def _attempt(self, event: AttemptFinished) -> None:
        self._attempts.items.append(event.attempt)

    def _breaker(self, event: BreakerChanged) -> None:
        self.note(event.at_ns, _named("breaker", event.route), 0.0, event.after)

    def _limit(self, event: LimitChanged) -> None:
        self.note(event.at_ns, _named("limit", event.route), event.after)

    def _pause(self, event: Paused) -> None:
        self.note(event.at_ns, _named("pause", event.route), event.duration_ns / NS)


def _named(event: str, route: int) -> str:
    return event if route == 0 else f"fallback_{event}"

"""Write one worker's share of a run: what the client's events say.

Events are gathered as they are; `flush` turns them into one record batch a table and
hands it to the operating system, so that after SIGKILL everything up to the last flush can be read, batch by
batch. Call `flush` at least once a second.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path

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

    @property
    def paths(self) -> list[Path]:
        """The files it writes; they only grow."""
        return [table.path for table in self._tables]

    @property
    def counted(self) -> int:
        """Calls that are on disk."""
        return self._calls.written

    def __call__(self, event: Event) -> None:
        """Take one event of the client."""
        self.extend((event,))

    def extend(self, events: Sequence[Event | Note]) -> None:
        """Take many events at once; a wait is none of a kind: its duration stands in the call's row."""
        self._calls.items.extend(e.call for e in events if type(e) is CallFinished)
        self._attempts.items.extend(e.attempt for e in events if type(e) is AttemptFinished)
        rare = (note_of(e) for e in events if type(e) not in _FREQUENT)
        self._notes.items.extend(note for note in rare if note is not None)

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


def note_of(event: Event | Note) -> Note | None:
    """An event as a row of the events table; None for one that stands in the other tables."""
    match event:
        case Note():
            return event
        case BreakerChanged(at_ns, _, state, route):
            return Note(at_ns, _named("breaker", route), state, 0.0)
        case LimitChanged(at_ns, _, permits, route):
            return Note(at_ns, _named("limit", route), "", permits)
        case Paused(at_ns, duration_ns, route):
            return Note(at_ns, _named("pause", route), "", duration_ns / NS)
    return None


def _named(event: str, route: int) -> str:
    return event if route == 0 else f"fallback_{event}"

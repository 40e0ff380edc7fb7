"""What a virtual run tells, in the order of its clock."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from harness.model import Event
from harness.record.cells import Note

#: The number of the queue's first worker: 0 is who submits.
FIRST_WORKER = 1


class FromWorker(msgspec.Struct, frozen=True, gc=False):
    """An event of the client of a queue's worker, by the worker's number."""

    worker: int
    event: Event


Told = Event | Note | FromWorker

#: Is given what was told, a few seconds' worth at a time.
Take = Callable[[list[Told]], None]


def source_of(told: Told) -> tuple[int, Event | Note]:
    """Whose it is, and what."""
    return (told.worker, told.event) if type(told) is FromWorker else (0, told)  # type: ignore[return-value]

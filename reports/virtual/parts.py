"""What the client told, as a part of a run that the metrics take: whole calls with all their attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from harness.model import Attempt, AttemptFinished, Call, CallFinished
from harness.record.cells import Note, attempt_cells, call_cells, note_cells
from harness.record.recorder import note_of
from harness.record.schema import ATTEMPTS, CALLS, EVENTS, Column
from reports.reading.names import Names
from reports.reading.run import ABSENT, Attempts, Calls, Events, Lists, Manifest, Queued, Run
from reports.virtual.told import Told, source_of

T = TypeVar("T")


class Parts:
    """Cuts a stream of events into parts of a run.

    An attempt ends before its call: those of calls under way wait for the part that has the call.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._waiting: dict[int, list[Attempt]] = {}

    def part(self, events: Sequence[Told]) -> Run:
        """The calls that ended with these events, and what else was told meanwhile."""
        calls: list[Call] = []
        attempts: list[Attempt] = []
        notes: dict[int, list[Note]] = {}
        for worker, event in map(source_of, events):
            if type(event) is AttemptFinished:
                self._waiting.setdefault(event.attempt.call_id, []).append(event.attempt)
            elif type(event) is CallFinished:
                calls.append(event.call)
                attempts += self._waiting.pop(event.call.call_id, ())
            elif (note := note_of(event)) is not None:
                notes.setdefault(worker, []).append(note)
        calls.sort(key=lambda call: call.call_id)
        attempts.sort(key=lambda attempt: (attempt.call_id, attempt.number))
        cells = call_cells(0, 0, calls)
        rows = [_frame(Events, EVENTS, note_cells(worker, 0, some)) for worker, some in sorted(notes.items())]
        return Run(
            manifest=self._manifest,
            document={},
            ending=None,
            calls=_frame(Calls, CALLS, cells),
            attempts=_frame(Attempts, ATTEMPTS, attempt_cells(0, 0, attempts)),
            events=Events.joined(rows or [_frame(Events, EVENTS, note_cells(0, 0, []))]),
            queued=None if self._manifest.queue is None else _frame(Queued, CALLS, cells),
        )


def _frame(kind: type[T], columns: Sequence[Column], cells: Sequence[Any]) -> T:
    """The columns that a table's dataclass names, as `reports.reading.load` would read them back."""
    wanted = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # every caller passes a dataclass
    return kind(
        **{
            column.name: _array(column, values)
            for column, values in zip(columns, cells, strict=True)
            if column.name in wanted
        }
    )


def _array(column: Column, values: Any) -> Any:
    match column.kind:
        case "utf8":
            return Names.of("" if value is None else str(value) for value in values)
        case "int64_list":
            bounds = np.concatenate(([0], np.cumsum([len(row) for row in values], dtype=np.int64)))
            joined = np.concatenate([np.empty(0, np.int64), *(np.asarray(row, np.int64) for row in values)])
            return Lists(joined, bounds)
        case kind:
            present = values if not column.nullable else [ABSENT if v is None else v for v in values]
            return np.array(present, dtype=kind)

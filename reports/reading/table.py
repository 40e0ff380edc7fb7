"""A table of a run: every worker's stream of it, in one set of columns, in order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from harness.record.schema import TABLES
from reports.reading.columns import empty
from reports.reading.following import unheard
from reports.reading.run import Cut, Ints
from reports.reading.stream import Stream

T = TypeVar("T")

#: Of each table: by what it is ordered, and the column that tells how far a stream of it goes.
_ORDER = {"calls": ("call_id",), "attempts": ("call_id", "attempt"), "events": ("worker", "at_ns")}
_UNTIL = {"calls": "end_ns", "attempts": "end_ns", "events": "at_ns"}


def paths(folder: Path, table: str) -> list[Path]:
    """The streams of a table, `<table>-<worker>-<id>.arrow`, a worker's one after the other."""
    return sorted(folder.glob(f"{table}-*.arrow"))


def read_table(
    folder: Path,
    kind: type[T],
    table: str,
    cut: list[Cut] | None = None,
    passed: Callable[[float], None] = unheard,
) -> T:
    """All rows of a table, over every worker's file, in order; appends the streams that are cut to `cut`.

    A column at a time is put in order: no more than one is there twice. Raises RunError.
    """
    streams = [Stream(path, table, passed) for path in paths(folder, table)]
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]  # a dataclass each
    rows = sum(stream.rows for stream in streams)
    columns = {c.name: empty(c, rows) for c in TABLES[table] if c.name in names}
    for stream in streams:
        for group in stream.groups(list(columns)):
            for column, values in zip(columns.values(), group.columns, strict=True):
                column.add(values)
    arrays = {name: columns.pop(name).filled() for name in names}
    if cut is not None:
        cut += _cut(streams, arrays[_UNTIL[table]])
    order = _order([arrays[key] for key in _ORDER[table]])
    if order is not None:
        for name in names:
            arrays[name] = arrays[name][order]
    return kind(**arrays)


def missing(folder: Path, workers: int) -> tuple[str, ...]:
    """What is not there: each of so many workers writes a stream of every table."""
    found = {table: {path.stem.partition("-")[2] for path in paths(folder, table)} for table in TABLES}
    every = sorted(set().union(*found.values()))
    heard = {of.partition("-")[0] for of in every}
    return (
        *(f"{table}-{of}.arrow" for of in every for table in TABLES if of not in found[table]),
        *(f"every file of worker {worker}" for worker in range(workers) if str(worker) not in heard),
    )


def _cut(streams: Sequence[Stream], until_ns: Ints) -> list[Cut]:
    """Those that do not end as their writers end them; `until_ns` as their rows were read."""
    found, row = [], 0
    for stream in streams:
        mine = until_ns[row : row + stream.rows]
        row += stream.rows
        if not stream.ended:
            found.append(Cut(stream.path.name, int(mine.max()) if len(mine) else None))
    return found


def _order(keys: Sequence[Ints]) -> Ints | None:
    """The places of rows sorted by the first key, then the next; None where they stand so already."""
    return None if _sorted(keys) else np.lexsort(tuple(reversed(keys)))


def _sorted(keys: Sequence[Ints]) -> bool:
    first, *rest = keys
    rising, level = first[1:] > first[:-1], first[1:] == first[:-1]
    for key in rest:
        rising |= level & (key[1:] > key[:-1])
        level &= key[1:] == key[:-1]
    return bool((rising | level).all())

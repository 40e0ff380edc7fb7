"""One Arrow IPC stream of a run. The only module of `reading` that knows the columnar format's library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from harness.record.arrow import arrow_schema
from harness.record.schema import SCHEMA_VERSION, TABLES
from reports.errors import RunError
from reports.reading.frames import Tail, extent
from reports.reading.mapped import Mapped

#: Rows handed on at once: enough that a column of them costs more than the call.
GROUP_ROWS = 1 << 17


class Stream:
    """The whole batches of a file `<table>-*.arrow`: its `rows`, and whether it `ended` as a writer ends it.

    `passed` is told of bytes that were read.
    Raises RunError, from here on and while it is read, for what is no stream of this table or damaged.
    """

    def __init__(self, path: Path, table: str, passed: Callable[[float], None]) -> None:
        self.path = path
        self._passed = passed
        self._schema = arrow_schema(TABLES[table])
        try:
            self._file = Mapped(path)
        except OSError as error:
            raise RunError(f"{path}: cannot be read: {error.strerror}") from error
        found = extent(self._file)
        self._file.rewind()
        if found.tail is Tail.DAMAGED:
            raise RunError(f"{path}: not an Arrow stream, or damaged at byte {found.whole_bytes}")
        self.ended = found.tail is Tail.ENDED
        self.rows = found.rows
        self._whole_bytes = found.whole_bytes

    def groups(self, columns: Sequence[str]) -> Iterator[Any]:
        """Those columns, some batches joined at a time, as Arrow's record batches."""
        if not self._whole_bytes:
            return
        try:
            for group in self._groups(columns):
                yield group
                self._passed(self._whole_bytes * len(group) / self.rows)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise RunError(f"{self.path}: damaged: {str(error).splitlines()[0]}") from error

    def _groups(self, columns: Sequence[str]) -> Iterator[Any]:
        whole = pa.py_buffer(self._file.buffer).slice(0, self._whole_bytes)
        found = pa.ipc.read_schema(whole)
        self._check(found)
        wanted = pa.ipc.IpcReadOptions(included_fields=[found.get_field_index(name) for name in columns])
        source = pa.BufferReader(whole)
        held: list[Any] = []
        rows = 0
        with pa.ipc.open_stream(source, options=wanted) as reader:
            for batch in reader:
                # Offsets and text are checked here: a damaged body would fail far from its file's name.
                batch.validate(full=True)
                held.append(batch.select(columns))
                rows += len(batch)
                if rows >= GROUP_ROWS:
                    yield from _joined(held)
                    held, rows = [], 0
                    self._file.passed(source.tell())
        if rows:
            yield from _joined(held)
        self._file.rewind()
        # The library keeps what it took for more of the same.
        pa.default_memory_pool().release_unused()

    def _check(self, found: Any) -> None:
        version = (found.metadata or {}).get(b"primetime_schema", b"none").decode("ascii", "replace")
        if version != str(SCHEMA_VERSION):
            raise RunError(f"{self.path}: primetime_schema = {version}: expected {SCHEMA_VERSION}")
        for field in self._schema:
            index = found.get_field_index(field.name)
            if index < 0:
                raise RunError(f"{self.path}: column {field.name!r} is missing")
            if found.field(index).type != field.type:
                raise RunError(
                    f"{self.path}: column {field.name!r} is {found.field(index).type}: expected {field.type}"
                )


def _joined(batches: list[Any]) -> Iterator[Any]:
    """Their rows as one batch, or more where a column would hold over 2 GB of text."""
    yield from pa.Table.from_batches(batches).combine_chunks().to_batches()

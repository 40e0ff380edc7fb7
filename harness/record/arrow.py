"""One table of a run as an Arrow IPC stream: the only module of the harness that knows the library."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Generic, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.record.schema import SCHEMA_VERSION, Column, Kind

Item = TypeVar("Item")

#: A column of a batch: values, or an array of instants a row.
Cells: TypeAlias = Sequence[Any] | NDArray[Any]

#: For the wire: a fifth to a ninth is left of what a worker records in a second, at 1 to 2 ms a megabyte.
CODEC = "zstd"


def arrow_type(kind: Kind) -> Any:
    """The Arrow type of a column's kind."""
    if kind == "int64_list":
        return pa.list_(pa.field("item", pa.int64(), nullable=False))
    return getattr(pa, kind)()


def arrow_schema(columns: tuple[Column, ...]) -> Any:
    """The Arrow schema of a table, carrying the schema version in its metadata."""
    fields = [pa.field(c.name, arrow_type(c.kind), c.nullable) for c in columns]
    return pa.schema(fields, metadata={"primetime_schema": str(SCHEMA_VERSION)})


def compressed(data: bytes) -> bytes:
    """Bytes of a stream, for the wire."""
    return bytes(pa.compress(data, codec=CODEC, asbytes=True))


def restored(data: bytes, size: int) -> bytes:
    """The `size` bytes that were compressed. Raises ValueError where these are not they."""
    try:
        return bytes(pa.decompress(data, decompressed_size=size, codec=CODEC, asbytes=True))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{len(data)} bytes that are not {size} compressed by {CODEC}") from error


class Table(Generic[Item]):
    """One open stream, and the items not yet written to it; `cells` turns items into columns, in order.

    What is gathered are the items as they are: everything else waits for `flush`, where a column of
    thousands costs a tenth of thousands of rows.
    """

    def __init__(
        self, path: Path, columns: tuple[Column, ...], cells: Callable[[list[Item]], list[Cells]]
    ) -> None:
        self.items: list[Item] = []
        self.path = path
        self.written = 0
        self._cells = cells
        self._schema = arrow_schema(columns)
        self._file: IO[bytes] = path.open("xb")
        self._writer = pa.ipc.new_stream(self._file, self._schema)
        # The writer puts the schema down with the first batch: an empty one, so that a run cut off before
        # its first flush is an empty table and not an empty file.
        self._writer.write_batch(pa.record_batch([[] for _ in columns], schema=self._schema))
        self._file.flush()

    def flush(self) -> None:
        """Write what has been gathered as one batch.

        Raises OSError, or ValueError for what no column holds: then the batch is gone, and is not `written`.
        """
        # The event loop may append meanwhile, from its own thread: take a prefix, never swap the list.
        items = self.items[:]
        if not items:
            return
        del self.items[: len(items)]
        arrays = [
            _array(cells, field.type) for cells, field in zip(self._cells(items), self._schema, strict=True)
        ]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._file.flush()
        self.written += len(items)

    def close(self) -> None:
        """Flush, and end the stream."""
        self.flush()
        self._writer.close()
        self._file.close()


def _array(cells: Cells, kind: Any) -> Any:
    if not pa.types.is_list(kind):
        return pa.array(cells, kind)
    flat = array("q")
    ends = [0]
    for cell in cells:
        flat.extend(cell)
        ends.append(len(flat))
    offsets = pa.array(np.array(ends, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(np.frombuffer(flat, dtype=np.int64)), kind)

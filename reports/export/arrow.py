"""Exported files, written batch by batch. The only module of `export` that knows the columnar library."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from harness.record.arrow import arrow_type
from harness.record.schema import Column

#: As DuckDB's and polars' own writers have it.
COMPRESSION = "zstd"

#: What pandas calls integers of which some are null. Without being told it makes them floats.
_PANDAS_NULLABLE = {"int16": "Int16", "int32": "Int32", "int64": "Int64"}


class Sink(Protocol):
    """A table being written; left by an error, its file is of no use. Raises OSError where it cannot be."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def write(self, batch: Any) -> None:
        """Some rows, as Arrow has them."""


#: Opens a table's file: where, its columns, and what is said of the whole.
Open = Callable[[Path, tuple[Column, ...], Mapping[str, str]], Sink]


class Parquet:
    """Row groups of about as many rows as a batch; texts are dictionary-encoded in their pages.

    Each column's unit and meaning stand in its field's metadata, and all of them once more as JSON in the
    file's, beside `about`.
    """

    def __init__(self, path: Path, columns: tuple[Column, ...], about: Mapping[str, str]) -> None:
        self._schema = _documented(columns, about)
        texts = [c.name for c in columns if c.kind == "utf8"]
        self._writer = pyarrow.parquet.ParquetWriter(
            path, self._schema, compression=COMPRESSION, use_dictionary=texts
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def write(self, batch: Any) -> None:
        """One row group."""
        self._writer.write_batch(pa.record_batch(batch.columns, schema=self._schema), len(batch))


class Csv:
    """A line a row under a line of names: null is an empty field, the empty text is `""`, a list is JSON."""

    def __init__(self, path: Path, columns: tuple[Column, ...], about: Mapping[str, str]) -> None:
        del about  # there is no place for it in CSV; the page beside it says the same
        self._schema = pa.schema(
            [
                pa.field(c.name, pa.utf8() if c.kind == "int64_list" else arrow_type(c.kind), c.nullable)
                for c in columns
            ]
        )
        self._writer = pyarrow.csv.CSVWriter(path, self._schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def write(self, batch: Any) -> None:
        """A line a row."""
        cells = [_as_json(column) if pa.types.is_list(column.type) else column for column in batch.columns]
        self._writer.write_batch(pa.record_batch(cells, schema=self._schema))


FORMATS: dict[str, Open] = {"parquet": Parquet, "csv": Csv}


def _documented(columns: tuple[Column, ...], about: Mapping[str, str]) -> Any:
    fields = [
        pa.field(
            c.name,
            arrow_type(c.kind),
            c.nullable,
            metadata={"description": c.doc, **({"unit": c.unit} if c.unit else {})},
        )
        for c in columns
    ]
    described = {c.name: {"unit": c.unit, "description": c.doc} for c in columns}
    return pa.schema(
        fields,
        metadata={
            **about,
            "columns": json.dumps(described, ensure_ascii=False),
            "pandas": json.dumps(_for_pandas(columns)),
        },
    )


def _for_pandas(columns: tuple[Column, ...]) -> dict[str, Any]:
    """https://pandas.pydata.org/docs/development/developer.html#storing-pandas-dataframe-objects-in-parquet-format."""
    return {
        "index_columns": [],
        "column_indexes": [],
        "columns": [
            {
                "name": c.name,
                "field_name": c.name,
                "pandas_type": c.kind,
                "numpy_type": _PANDAS_NULLABLE[c.kind],
                "metadata": None,
            }
            for c in columns
            if c.nullable and c.kind in _PANDAS_NULLABLE
        ],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2",
    }


def _as_json(lists: Any) -> Any:
    """Each list of integers as JSON has it."""
    joined = pc.binary_join(lists.cast(pa.list_(pa.utf8())), ",")
    return pc.binary_join_element_wise("[", joined, "]", "")

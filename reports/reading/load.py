"""Read a run folder. The only module of `reports` that knows the columnar format's library."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pyarrow as pa

from harness.record.arrow import arrow_schema
from harness.record.schema import SCHEMA_VERSION, TABLES
from reports.errors import RunError
from reports.reading.frames import Tail, extent
from reports.reading.run import ABSENT, Attempts, Calls, Ending, Events, Lists, Manifest, Run

T = TypeVar("T")

Arrays = dict[str, Any]


def read_run(folder: Path) -> Run:
    """Read a run folder into arrays.

    Streams that stop early (their worker was killed) are read up to the last whole batch and named in
    `Run.cut`. Raises RunError for a folder that is no run, and for damaged or foreign files.
    """
    if not folder.is_dir():
        raise RunError(f"{folder}: no such run folder")
    path = folder / "manifest.json"
    document = _json(path, "a run folder holds one; is this the right folder?")
    _check_version(path, document)
    manifest = _convert(path, document, Manifest)
    ending = None
    if (folder / "ending.json").exists():
        ending = _convert(folder / "ending.json", _json(folder / "ending.json", ""), Ending)
    cut: list[str] = []
    calls = _ordered(_read_table(folder, "calls", cut), "call_id")
    attempts = _ordered(_read_table(folder, "attempts", cut), "attempt", "call_id")
    events = _ordered(_read_table(folder, "events", cut), "at_ns", "worker")
    return Run(
        manifest=manifest,
        document=document,
        ending=ending,
        calls=_pick(Calls, calls),
        attempts=_pick(Attempts, attempts),
        events=_pick(Events, events),
        cut=tuple(cut),
        folder=folder,
    )


def _json(path: Path, hint: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise RunError(f"{path}: missing; {hint}") from error
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not JSON: {error}") from error
    if not isinstance(document, dict):
        raise RunError(f"{path}: expected a JSON object, found {type(document).__name__}")
    return document


def _check_version(path: Path, document: dict[str, Any]) -> None:
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise RunError(
            f"{path}: schema_version = {version!r}: expected {SCHEMA_VERSION};"
            " read this run with the release that recorded it"
        )


def _convert(path: Path, document: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise RunError(f"{path}: {error}") from error


def _read_table(folder: Path, table: str, cut: list[str]) -> Arrays:
    """All rows of a table, over every worker's file; appends the names of cut streams to `cut`."""
    schema = arrow_schema(TABLES[table])
    batches = []
    for path in sorted(folder.glob(f"{table}-*.arrow")):
        found, whole = _read_stream(path, schema)
        batches += found
        if not whole:
            cut.append(path.name)
    rows = pa.Table.from_batches(batches, schema.remove_metadata()).combine_chunks()
    return {c.name: _array(rows[c.name], c.kind) for c in TABLES[table]}


def _read_stream(path: Path, schema: Any) -> tuple[list[Any], bool]:
    """The whole batches of one stream, and whether it ends as its writer would end it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from error
    found = extent(data)
    if found.tail is Tail.DAMAGED:
        raise RunError(f"{path}: not an Arrow stream, or damaged at byte {found.whole_bytes}")
    if found.frames == 0:
        return [], False
    try:
        with pa.ipc.open_stream(pa.py_buffer(data).slice(0, found.whole_bytes)) as reader:
            _check_schema(path, reader.schema, schema)
            batches = [_select(batch, schema) for batch in reader]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RunError(f"{path}: damaged: {str(error).splitlines()[0]}") from error
    return batches, found.tail is Tail.ENDED


def _check_schema(path: Path, found: Any, expected: Any) -> None:
    version = (found.metadata or {}).get(b"primetime_schema", b"none").decode("ascii", "replace")
    if version != str(SCHEMA_VERSION):
        raise RunError(f"{path}: primetime_schema = {version}: expected {SCHEMA_VERSION}")
    for field in expected:
        index = found.get_field_index(field.name)
        if index < 0:
            raise RunError(f"{path}: column {field.name!r} is missing")
        if found.field(index).type != field.type:
            raise RunError(
                f"{path}: column {field.name!r} is {found.field(index).type}: expected {field.type}"
            )


def _select(batch: Any, schema: Any) -> Any:
    # Offsets and text are checked here: a damaged body would otherwise fail far from its file's name.
    batch.validate(full=True)
    return pa.record_batch([batch.column(f.name) for f in schema], schema=schema.remove_metadata())


def _array(column: Any, kind: str) -> Any:
    if kind == "utf8":
        # Few distinct values, many rows: a dictionary is decoded once a value.
        encoded = (
            pa.concat_arrays(column.chunks or [pa.array([], pa.utf8())]).fill_null("").dictionary_encode()
        )
        values = np.array([*encoded.dictionary.to_pylist(), ""], dtype=object)
        return values[encoded.indices.to_numpy(zero_copy_only=False)]
    if kind == "int64_list":
        return _lists(column)
    if kind == "float64":
        return column.to_numpy().astype(np.float64)
    return column.fill_null(ABSENT).to_numpy().astype(np.int64)


def _lists(column: Any) -> Lists:
    """The rows of all chunks. A chunk may be a slice: its offsets then begin and end within its values."""
    values, lengths = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for chunk in column.chunks:
        offsets = chunk.offsets.to_numpy()
        values.append(chunk.values.fill_null(ABSENT).to_numpy()[offsets[0] : offsets[-1]])
        lengths.append(np.diff(offsets))
    bounds = np.concatenate(([0], np.cumsum(np.concatenate(lengths), dtype=np.int64)))
    return Lists(np.concatenate(values), bounds)


def _ordered(arrays: Arrays, *keys: str) -> Arrays:
    """Rows sorted by the last key, then by the one before it (as numpy.lexsort has it)."""
    order = np.lexsort([arrays[k] for k in keys])
    return {name: values[order] for name, values in arrays.items()}


def _pick(kind: type[T], arrays: Arrays) -> T:
    """Build a table's dataclass from the columns it names. Names of few kinds become fixed-width text."""
    picked = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # every caller passes a dataclass
        values = arrays[field.name]
        named = not isinstance(values, Lists) and values.dtype == object and field.name != "detail"
        picked[field.name] = values.astype(np.str_) if named else values
    return kind(**picked)

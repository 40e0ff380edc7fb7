"""Read a run folder."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from harness.record.schema import SCHEMA_VERSION, TABLES
from reports.errors import RunError
from reports.reading.columns import empty
from reports.reading.run import Attempts, Calls, Ending, Events, Ints, Manifest, Run
from reports.reading.stream import Stream

T = TypeVar("T")


def read_run(folder: Path) -> Run:
    """Read a run folder into arrays.

    Streams that stop early (their worker was killed) are read up to the last whole batch and named in
    `Run.cut`. Raises RunError for a folder that is no run, and for damaged or foreign files.
    """
    manifest, document = read_manifest(folder)
    cut: list[str] = []
    # Arguments are evaluated in their order: `cut` is whole when it is taken.
    return Run(
        manifest=manifest,
        document=document,
        ending=read_ending(folder),
        calls=_read_table(folder, Calls, "calls", cut, "call_id"),
        attempts=_read_table(folder, Attempts, "attempts", cut, "call_id", "attempt"),
        events=_read_table(folder, Events, "events", cut, "worker", "at_ns"),
        cut=tuple(cut),
        folder=folder,
    )


def read_manifest(folder: Path) -> tuple[Manifest, dict[str, Any]]:
    """What was asked for, and the same as it stands on disk. Raises RunError for a folder that is no run."""
    if not folder.is_dir():
        raise RunError(f"{folder}: no such run folder")
    path = folder / "manifest.json"
    document = _json(path, "a run folder holds one; is this the right folder?")
    _check_version(path, document)
    return _convert(path, document, Manifest), document


def read_ending(folder: Path) -> Ending | None:
    """How a run ended; None where it was cut off. Raises RunError."""
    path = folder / "ending.json"
    return _convert(path, _json(path, ""), Ending) if path.exists() else None


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


def _read_table(folder: Path, kind: type[T], table: str, cut: list[str], *keys: str) -> T:
    """All rows of a table, over every worker's file, sorted by `keys`; appends the names of cut streams.

    A column at a time is put in order: no more than one is there twice.
    """
    streams = [Stream(path, table) for path in sorted(folder.glob(f"{table}-*.arrow"))]
    cut += [stream.path.name for stream in streams if not stream.ended]
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]  # a dataclass each
    rows = sum(stream.rows for stream in streams)
    columns = {c.name: empty(c, rows) for c in TABLES[table] if c.name in names}
    for stream in streams:
        for group in stream.groups(list(columns)):
            for column, values in zip(columns.values(), group.columns, strict=True):
                column.add(values)
    arrays = {name: columns.pop(name).filled() for name in names}
    order = _order([arrays[key] for key in keys])
    if order is not None:
        for name in names:
            arrays[name] = arrays[name][order]
    return kind(**arrays)


def _order(keys: Sequence[Ints]) -> Ints | None:
    """The places of rows sorted by the first key, then the next; None where they stand so already."""
    if _sorted(keys):
        return None
    return np.lexsort(tuple(reversed(keys)))


def _sorted(keys: Sequence[Ints]) -> bool:
    first, *rest = keys
    rising, level = first[1:] > first[:-1], first[1:] == first[:-1]
    for key in rest:
        rising |= level & (key[1:] > key[:-1])
        level &= key[1:] == key[:-1]
    return bool((rising | level).all())

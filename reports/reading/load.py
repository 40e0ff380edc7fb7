"""Read a run folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from harness.record.schema import SCHEMA_VERSION
from reports.errors import RunError
from reports.reading.folders import MANIFEST, no_folder, runs_in
from reports.reading.following import Following, Told, unheard
from reports.reading.run import Attempts, Calls, Cut, Ending, Events, Manifest, Queued, Run
from reports.reading.table import missing, read_table

T = TypeVar("T")


def read_run(folder: Path, told: Told = unheard) -> Run:
    """Read a run folder into arrays.

    Streams that stop early (their worker was killed, the disk was full) are read up to the last whole batch.
    They are named in `Run.cut`, as is a half-written ending, and files that are not there in `Run.missing`.
    `told` hears how far it is. Raises RunError for a folder that is no run, and for damaged or foreign files.
    """
    manifest, document = read_manifest(folder)
    cut = _half_ending(folder)
    passed = Following(folder, told).passed
    # Arguments are evaluated in their order: `cut` is whole when it is taken.
    return Run(
        manifest=manifest,
        document=document,
        ending=read_ending(folder),
        calls=read_table(folder, Calls, "calls", cut, passed),
        attempts=read_table(folder, Attempts, "attempts", cut, passed),
        events=read_table(folder, Events, "events", cut, passed),
        cut=tuple(cut),
        missing=missing(folder, manifest.processes),
        # The same streams once more: direct runs need not hold two columns of nothing.
        queued=None if manifest.queue is None else read_table(folder, Queued, "calls", passed=passed),
        folder=folder,
    )


def read_runs(folders: Sequence[Path], told: Told = unheard) -> Iterator[Run]:
    """Several, one after the other. Raises RunError."""
    for index, folder in enumerate(folders):
        yield read_run(folder, lambda part, before=index: told((before + part) / len(folders)))  # type: ignore[misc]


def read_manifest(folder: Path) -> tuple[Manifest, dict[str, Any]]:
    """What was asked for, and the same as it stands on disk. Raises RunError for a folder that is no run."""
    if not folder.is_dir():
        raise RunError(no_folder(folder))
    path = folder / MANIFEST
    if not path.exists() and (hint := runs_in(folder)):
        raise RunError(f"{folder}: {hint}")
    document = _json(path, "a run folder holds one; is this the right folder?")
    _check_version(path, document)
    return _convert(path, document, Manifest), document


def read_ending(folder: Path) -> Ending | None:
    """How a run ended; None where it was cut off, also while this was written. Raises RunError."""
    path = folder / "ending.json"
    return _convert(path, _json(path, ""), Ending) if path.exists() and not _half_written(path) else None


def _half_ending(folder: Path) -> list[Cut]:
    """The part of an ending that a full disk leaves, under the name it has then."""
    if (folder / "ending.part").exists():
        return [Cut("ending.part")]
    path = folder / "ending.json"
    return [Cut(path.name)] if path.exists() and _half_written(path) else []


def _half_written(path: Path) -> bool:
    """Whether a file is no whole JSON document: no part of an object is one."""
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return True
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from error
    return False


def _json(path: Path, hint: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise RunError(f"{path}: missing; {hint}") from error
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not JSON, or only a part of it: {error}") from error
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

"""A run's tables, exported: each read and written batch by batch, whatever its length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.record.schema import SCHEMA_VERSION, TABLES
from reports.errors import OutputError
from reports.export import columns_page
from reports.export.arrow import FORMATS
from reports.reading.following import Following, Told, unheard
from reports.reading.load import read_ending, read_manifest
from reports.reading.run import Ending
from reports.reading.stream import Stream
from reports.reading.table import missing, paths


@dataclass(frozen=True, slots=True)
class Exported:
    """The files written, the rows of each table, and in words what the run lacks."""

    written: tuple[Path, ...]
    rows: dict[str, int]
    missing: tuple[str, ...]


def export(folder: Path, out: Path, file_format: str, told: Told = unheard) -> Exported:
    """Write a run's tables into the folder `out`, all or none: what stood there is replaced at the very end.

    Rows that a killed worker left whole are there. `told` hears how far it is. Raises RunError for what
    cannot be read, and OutputError for what cannot be written.
    """
    manifest, _ = read_manifest(folder)
    ending = read_ending(folder)
    names = [f"{table}.{file_format}" for table in TABLES]
    rows: dict[str, int] = {}
    cut: list[str] = []
    passed = Following(folder, told).passed
    with _writing(out, [*names, columns_page.NAME]) as parts:
        for table, part in zip(TABLES, parts, strict=False):
            about = {
                "run": manifest.run,
                "table": table,
                "primetime_schema": str(SCHEMA_VERSION),
                "description": f"{table} of a run of primetime, as recorded",
            }
            rows[table] = _copy(folder, table, part, file_format, about, cut, passed)
        parts[-1].write_text(columns_page.render(manifest.run), encoding="utf-8")
    written = tuple(out / name for name in (*names, columns_page.NAME))
    gone = (f"{name} is not there" for name in missing(folder, manifest.processes))
    return Exported(written, rows, (*cut, *gone, *_lost(ending, rows["calls"])))


def _lost(ending: Ending | None, calls: int) -> list[str]:
    """What no file's end can tell: that the run was cut off, or how many calls left no row."""
    if ending is None:
        return ["no ending was written: the run was cut off"]
    lost = sum(ending.scheduled.values()) - calls
    return [f"{lost} calls were scheduled but not recorded"] if lost > 0 else []


def _copy(
    folder: Path,
    table: str,
    part: Path,
    file_format: str,
    about: dict[str, str],
    cut: list[str],
    passed: Callable[[float], None],
) -> int:
    """Every whole row of a table, worker by worker; appends to `cut` which streams stop early."""
    columns = TABLES[table]
    rows = 0
    with FORMATS[file_format](part, columns, about) as sink:
        for path in paths(folder, table):
            stream = Stream(path, table, passed)
            for batch in stream.groups([c.name for c in columns]):
                sink.write(batch)
            rows += stream.rows
            if not stream.ended:
                cut.append(f"{path.name} is cut short: exported up to its last whole batch")
    return rows


@contextmanager
def _writing(out: Path, names: list[str]) -> Iterator[list[Path]]:
    """Where to write those files for the time being; they take their places once all are there."""
    parts = [out / f"{name}.part" for name in names]
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield parts
        for name, part in zip(names, parts, strict=True):
            part.replace(out / name)
    except OSError as error:
        why = error.strerror or str(error).partition("\n")[0]
        raise OutputError(f"{out}: cannot be written: {why}") from error
    finally:
        for part in parts:
            # Where the folder is none, there is nothing to take away.
            with suppress(OSError):
                part.unlink()

"""The columns of a run on disk, and the names of its events."""

from __future__ import annotations

from harness.record.schema import SCHEMA_VERSION, TABLES, Column
from tests.docs.reference.markdown import code, table

TITLE = "Columns of a run"

HEAD = """
`calls`, `attempts` and `events` of a run folder, schema version {version}: Arrow IPC streams, a file a
worker. A folder of an older version is refused with a line that says so. `python -m reports export RUN`
writes them as Parquet or CSV ([how](../how-to/read-the-report.md)). Times are int64 nanoseconds.
"""

#: Of a table: what a row is.
ROWS = {
    "calls": "A row is a logical call, with all its attempts and waits.\n",
    "attempts": "A row is a request on the wire. [Outcomes and faults](outcomes.md).\n",
    "events": "A row is a change or a sample in one process; `name` says which.\n",
}

_KINDS = {"utf8": "text", "int64_list": "list of int64"}


def page() -> str:
    """A table for each table of a run."""
    parts = [HEAD.format(version=SCHEMA_VERSION)]
    for name, columns in TABLES.items():
        parts += [f"## {name}\n", ROWS[name], table(_HEAD, map(_row, columns))]
    return "\n".join(parts)


_HEAD = ("column", "type", "unit", "null", "what it holds")


def _row(column: Column) -> tuple[str, ...]:
    kind = _KINDS.get(column.kind, column.kind)
    return code(column.name), kind, column.unit, "yes" * column.nullable, column.doc

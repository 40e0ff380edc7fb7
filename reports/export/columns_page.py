"""The page beside exported files: what each column holds, from the schema that the recorder writes by."""

from __future__ import annotations

from harness.record.schema import SCHEMA_VERSION, TABLES, Column

NAME = "columns.md"

_KINDS = {"utf8": "text", "int64_list": "list of int64"}

_HEADING = """\
# {run}

The tables of a run of primetime, schema version {version}, with every column it was recorded with. Rows stand
worker by worker, in the order they were recorded. In CSV null is an empty field and the empty text is `""`;
a list is JSON.
"""


def render(run: str) -> str:
    """Markdown: a table for each table of a run."""
    heading = _HEADING.format(run=_cell(run), version=SCHEMA_VERSION)
    return "\n".join((heading, *(_table(name, columns) for name, columns in TABLES.items())))


def _table(name: str, columns: tuple[Column, ...]) -> str:
    rows = [
        ("column", "type", "unit", "null", "what it holds"),
        ("---",) * 5,
        *((f"`{c.name}`", _KINDS.get(c.kind, c.kind), c.unit, "yes" * c.nullable, c.doc) for c in columns),
    ]
    lines = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join((f"## {name}", "", *lines)) + "\n"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")

"""`export`: a run's tables for other tools."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports import exits
from reports.commands.options import add_run
from reports.telling import words

NAME, HELP = "export", "write a run's tables as Parquet or CSV"
EXAMPLES = (
    "python -m reports export RUN",
    "python -m reports export RUN --format csv -o tables/",
)


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    add_run(command)
    command.add_argument(
        "-o", dest="out", metavar="DIR", type=Path, help="the folder they go to (default: RUN/export)"
    )
    command.add_argument("--format", choices=("parquet", "csv"), default="parquet", help="(parquet)")


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ReportError."""
    from reports.export.tables import export  # noqa: PLC0415 - the columnar library's writers take a while

    done = export(options.run, options.out or options.run / "export", options.format)
    for reason in done.missing:
        print(f"reports: {reason}", file=sys.stderr)
    for path in done.written:
        count = done.rows.get(path.stem)
        print(f"wrote {path}" + ("" if count is None else f" ({words.count(count)} rows)"))
    return exits.OK

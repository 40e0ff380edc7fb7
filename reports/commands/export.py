"""`export`: a run's tables for other tools."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports import exits
from reports.commands.options import add_json, add_run
from reports.summary.result import to_json
from reports.telling import words
from reports.telling.progress import Stages

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
    add_json(command)


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ReportError."""
    from reports.export.tables import export  # noqa: PLC0415 - the columnar library's writers take a while

    out = options.out or options.run / "export"
    with Stages({"exporting": 1.0}) as stages:
        done = export(options.run, out, options.format, stages.enter("exporting"))
    if options.json:
        written = [str(path) for path in done.written]
        print(to_json({"written": written, "rows": done.rows, "missing": done.missing}).rstrip())
        return exits.OK
    for reason in done.missing:
        print(f"reports: {reason}", file=sys.stderr)
    for path in done.written:
        count = done.rows.get(path.stem)
        print(f"wrote {path}" + ("" if count is None else f" ({words.count(count)} rows)"))
    return exits.OK

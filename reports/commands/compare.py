"""`compare`: runs side by side."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from reports import exits
from reports.commands.options import (
    add_failures,
    add_goodput,
    add_json,
    add_prices,
    each_once,
    priced,
    wanted,
)
from reports.errors import UsageError
from reports.reading.load import read_runs
from reports.summary.result import save
from reports.telling.output import tell
from reports.telling.progress import Stages

NAME, HELP = "compare", "print runs side by side, write compare.html and compare.png"
EXAMPLES = (
    "python -m reports compare runs/*-article runs/*-tuned",
    "python -m reports compare RUN RUN -o docs/",
    "python -m reports compare RUN RUN --json | jq .changes",
)

FEWEST_COMPARED = 2

#: What takes how much of the time, where runs are long.
STAGES = {"reading": 0.5, "comparing": 0.4, "drawing": 0.1}


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="two run folders or more")
    command.add_argument(
        "-o", dest="out", metavar="DIR", type=Path, help="where to (default: the runs' common parent folder)"
    )
    add_json(command)
    add_goodput(command)
    add_prices(command)
    add_failures(command)


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ReportError."""
    from reports.compare import changes, changes_block, page, result  # noqa: PLC0415

    objectives, prices = wanted(options), priced(options)
    folders = each_once(options.runs)
    if len(folders) < FEWEST_COMPARED:
        raise UsageError("compare: expected two runs or more")
    out = options.out or common_parent(folders)
    with Stages(STAGES) as stages:
        runs = list(read_runs(folders, stages.enter("reading")))
        stages.enter("comparing")
        compared = result.collect(runs, objectives, prices, options.failures)
        decided = changes.decide(compared)
        warned = result.warnings(runs, changes.excused(decided))
        stages.enter("drawing")
        written = [
            save(out / "compare.html", page.render(compared, warned, decided).encode()),
            save(out / "compare.png", page.picture(compared, decided)),
        ]
    document = {**result.document(compared, warned), **changes.document(decided)}
    text = "\n\n".join(
        part for part in (result.render(compared, warned), changes_block.lines(decided)) if part
    )
    tell(options, document, text, written)
    return exits.OK


def common_parent(paths: Sequence[Path]) -> Path:
    """The deepest folder that holds all the runs."""
    parents = [path.resolve().parent for path in paths]
    return Path(os.path.commonpath(parents))

"""`fit`: a profile of the mock server from recorded runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports import exits
from reports.commands.options import each_once
from reports.errors import ScarceError, UnlikeError, UsageError
from reports.reading.load import read_runs
from reports.summary.result import save, to_json
from reports.telling.output import tell
from reports.telling.progress import Stages

NAME, HELP = "fit", "fit a profile of the mock server to recorded runs of an API"
EXAMPLES = (
    "python -m reports fit runs/*-steady-naive -o my-api.toml",
    "python -m reports fit RUN RUN -o my-api.toml --json",
    "python -m reports play --mock-profile my-api.toml",
)

SUFFIX = ".toml"

#: What takes how much of the time, where runs are long.
STAGES = {"reading": 0.4, "fitting": 0.5, "drawing": 0.1}


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument(
        "runs",
        metavar="RUN",
        type=Path,
        nargs="+",
        help="run folders of one API and model; streams tell most",
    )
    command.add_argument(
        "-o",
        dest="out",
        metavar="FILE.toml",
        type=Path,
        required=True,
        help="the profile; a picture (.png) and the figures (.json) go beside it",
    )
    command.add_argument("--json", action="store_true", help="print the figures instead of the tables")


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ReportError, HarnessError."""
    if options.out.suffix != SUFFIX:
        raise UsageError(f"-o {options.out}: expected a name that ends in {SUFFIX}: it is a profile")
    # Plotting takes a second to import; only the commands that draw pay for it.
    from reports.fit.beside import laws  # noqa: PLC0415
    from reports.fit.fit import fit  # noqa: PLC0415
    from reports.fit.plots import picture  # noqa: PLC0415
    from reports.fit.result import result  # noqa: PLC0415
    from reports.fit.text import render  # noqa: PLC0415
    from reports.fit.toml import profile_toml  # noqa: PLC0415

    folders = each_once(options.runs)
    try:
        with Stages(STAGES) as stages:
            runs = list(read_runs(folders, stages.enter("reading")))
            stages.enter("fitting")
            found = fit(runs)
            beside = laws(found)
            figures = result(found, beside, options.out.stem)
            stages.enter("drawing")
            drawn = picture(beside, figures)
    except (ScarceError, UnlikeError) as error:
        print(f"reports: no fit: {error}", file=sys.stderr)
        return exits.INCONCLUSIVE
    written = [
        save(options.out, profile_toml(figures).encode()),
        save(options.out.with_suffix(".png"), drawn),
        save(options.out.with_suffix(".json"), to_json(figures).encode()),
    ]
    tell(options, figures, render(figures), written)
    return exits.OK

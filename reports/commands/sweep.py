"""`sweep`: a grid of settings in virtual time."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports import exits
from reports.commands import cells
from reports.telling.output import tell

NAME, HELP = "sweep", "play a grid of policy settings in virtual time"
EXAMPLES = (
    "python -m reports sweep reports/experiments/semaphore-and-knee.toml \\\n      --out sweeps/knee",
    "python -m reports sweep SPEC.toml --out sweeps/mine --jobs 2 --real",
)


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("spec", metavar="SPEC.toml", type=Path, help="what to play")
    cells.add(command)


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ReportError, HarnessError."""
    from reports.sweep import page, result, run, spec  # noqa: PLC0415

    sweep = spec.read_sweep(options.spec)
    rows = run.play(sweep, options.out, options.jobs)
    real = run.replay(sweep, rows, options.out) if options.real else []
    written = run.write(sweep, rows, real, options.out)
    tell(options, result.document(sweep, rows, real), page.text(sweep, rows, real), written)
    return exits.OK

"""`tune`: better settings, sought in virtual time."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports import exits
from reports.commands import cells
from reports.telling.output import tell

NAME, HELP = "tune", "seek better policy settings in virtual time"
EXAMPLES = (
    "python -m reports tune reports/experiments/tuned-preset.toml --out studies/it",
    "python -m reports tune SPEC.toml --out studies/mine --real",
)


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("spec", metavar="SPEC.toml", type=Path, help="what to seek, on what")
    command.add_argument(
        "--storage", metavar="URL", help="Optuna storage that several machines share (default: a file in DIR)"
    )
    cells.add(command)


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ReportError, HarnessError."""
    # Optuna is imported by those who need it.
    from reports.tune import page, result, run, spec, told  # noqa: PLC0415

    tuned = run.tune(
        spec.read_tune(options.spec), options.out, options.jobs, options.storage, real=options.real
    )
    written = run.write(tuned, options.out)
    document = result.document(tuned)
    tell(options, document, page.text(told.told(document)), written)
    return exits.OK

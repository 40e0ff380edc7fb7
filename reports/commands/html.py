"""`html`: the page of one run."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports import exits
from reports.commands.options import add_failures, add_goodput, add_prices, add_run, priced, wanted
from reports.reading.load import read_run
from reports.summary.result import save

NAME, HELP = "html", "write a self-contained page of one run"


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    add_run(command)
    command.add_argument(
        "-o", dest="out", metavar="FILE", type=Path, help="where to (default: RUN/report.html)"
    )
    add_goodput(command)
    add_prices(command)
    add_failures(command)


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ReportError."""
    # Plotting takes a second to import; only the commands that draw pay for it.
    from reports.summary.page import render  # noqa: PLC0415

    objectives, prices = wanted(options), priced(options)
    page = render(read_run(options.run), objectives, prices, options.failures)
    print(f"wrote {save(options.out or options.run / 'report.html', page.encode())}")
    return exits.OK

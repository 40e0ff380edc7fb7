"""`summarise`: the figures of one run."""

from __future__ import annotations

import argparse

from reports import exits
from reports.commands.options import add_failures, add_goodput, add_json, add_prices, add_run, priced, wanted
from reports.reading.load import read_run
from reports.summary.result import save, summarise, to_json, write
from reports.summary.text import render
from reports.telling.output import show
from reports.telling.progress import Stages

NAME, HELP = "summarise", "write summary.json and print it as a table"
EXAMPLES = (
    "python -m reports summarise runs/20260101T120000-primetime-tuned",
    "python -m reports summarise RUN --json | jq .outcomes",
    "python -m reports summarise RUN --html",
    "python -m reports summarise RUN --goodput call_latency:10000 e2el:8000",
    "python -m reports summarise RUN --goodput ttft:2000 itl:60",
    "python -m reports summarise RUN --prices my-prices.toml",
)


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    add_run(command)
    command.add_argument("--html", action="store_true", help="write report.html, too")
    add_json(command)
    add_goodput(command)
    add_prices(command)
    add_failures(command)


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ReportError."""
    objectives, prices = wanted(options), priced(options)
    with Stages({"reading": 0.55, "summing up": 0.45}) as stages:
        run = read_run(options.run, stages.enter("reading"))
        stages.enter("summing up")
        summary = summarise(run, objectives, prices, options.failures)
    write(summary, options.run)
    if options.json:
        print(to_json(summary).rstrip())
    else:
        show(render(summary))
    if options.html:
        # Plotting takes a second to import.
        from reports.summary import page  # noqa: PLC0415

        out = save(options.run / "report.html", page.render(run, objectives, summary).encode())
        if not options.json:
            print(f"wrote {out}")
    return exits.OK

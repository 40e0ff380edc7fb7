"""`baseline`: what runs are like now, for gates to come."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from reports import exits
from reports.commands.cells import add_jobs, cores
from reports.commands.options import add_goodput, each_once, wanted
from reports.errors import UnlikeError, UsageError
from reports.gate import baseline
from reports.gate.estimate import FEWEST_RUNS
from reports.reading.load import read_runs
from reports.summary.result import save, to_json
from reports.telling.progress import Stages

NAME, HELP = "baseline", "keep what sound runs come to, for `gate` to compare with"
EXAMPLES = (
    "python -m reports baseline runs/*-tuned -o baseline.json",
    "python -m reports baseline --virtual SPEC.toml -o exact.json",
)


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument(
        "runs", metavar="RUN", type=Path, nargs="*", help="run folders, eight or more of a kind"
    )
    command.add_argument(
        "-o", dest="out", metavar="FILE", type=Path, required=True, help="the baseline, JSON"
    )
    command.add_argument(
        "--virtual", metavar="SPEC.toml", type=Path, help="play these evenings in virtual time instead"
    )
    add_jobs(command, "of --virtual, at once (default: a core each)", None)
    add_goodput(command)


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ReportError, HarnessError."""
    try:
        made = _virtual(options) if options.virtual is not None else _of_runs(options)
    except UnlikeError as error:
        print(f"reports: no baseline: {error}", file=sys.stderr)
        return exits.INCONCLUSIVE
    print(f"wrote {save(options.out, to_json(made).encode())}")
    if options.virtual is None and (count := len(options.runs)) < FEWEST_RUNS:
        print(f"note: a gate needs {FEWEST_RUNS} runs or more to tell anything: these are {count}")
    return exits.OK


def _of_runs(options: argparse.Namespace) -> dict[str, Any]:
    if not options.runs:
        raise UsageError("baseline: expected RUN folders, or --virtual SPEC.toml")
    if options.jobs is not None:
        raise UsageError("--jobs: expected --virtual SPEC.toml with it")
    objectives = wanted(options)
    with Stages({"reading": 0.6, "summing up": 0.4}) as stages:
        runs = list(read_runs(each_once(options.runs), stages.enter("reading")))
        stages.enter("summing up")
        return baseline.document(baseline.of_runs(runs, objectives))


def _virtual(options: argparse.Namespace) -> dict[str, Any]:
    from reports.gate import exact, exact_spec  # noqa: PLC0415 - the client and the provider are played here only

    if options.runs:
        raise UsageError(f"--virtual {options.virtual}: plays its own runs: expected no RUN")
    if options.goodput is not None:
        raise UsageError("--goodput: with --virtual, the spec says it (goodput = [...])")
    return exact.document(exact.play(exact_spec.read_exact(options.virtual), options.jobs or cores()))

"""`gate`: whether runs are still as good as they were, as an exit code."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from reports import exits
from reports.commands import gate_ab
from reports.commands.cells import add_jobs, cores
from reports.commands.options import add_goodput, add_json, each_once, wanted
from reports.errors import UnlikeError, UsageError
from reports.gate import baseline, compared, documents, metrics, text, thresholds
from reports.gate.sampled import Sampled
from reports.gate.verdict import Check, Outcome, Verdict, joined
from reports.reading.load import read_runs
from reports.summary.result import save, to_json
from reports.telling.output import show
from reports.telling.progress import Stages

NAME, HELP = "gate", "tell whether runs are as good as they were, by the exit code, for CI"
EXAMPLES = (
    "python -m reports gate RUN --baseline baseline.json",
    "python -m reports gate RUN --threshold 'call_latency p(95)<8s' 'calls count>9'",
    "python -m reports gate --ab tuned my-policy.toml --pairs 8",
    "python -m reports gate --ab tuned tuned --commit HEAD~1 --junit gate.xml",
    "python -m reports gate --virtual SPEC.toml --baseline exact.json",
)

TOLERANCE = "5%"

_PERCENT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*%")


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("runs", metavar="RUN", type=Path, nargs="*", help="fresh run folders")
    command.add_argument(
        "--baseline", metavar="FILE", type=Path, help="what `reports baseline` wrote when runs were good"
    )
    command.add_argument(
        "--threshold",
        metavar="T",
        nargs="+",
        action="extend",
        help="what each run is held to, as 'call_latency p(99)<20s' 'outcomes.timeout rate<1%%'",
    )
    command.add_argument(
        "--tolerance",
        metavar="P%",
        help=f"a change that nobody minds (default: {TOLERANCE.replace('%', '%%')})",
    )
    command.add_argument(
        "--metric", metavar="M", nargs="+", action="extend", help=f"only of {', '.join(metrics.METRICS)}"
    )
    command.add_argument(
        "--virtual",
        metavar="SPEC.toml",
        type=Path,
        help="play these evenings in virtual time, and compare exactly",
    )
    add_jobs(command, "of --virtual, at once (default: a core each)", None)
    gate_ab.add(command)
    add_goodput(command)
    add_json(command)
    command.add_argument("--junit", metavar="FILE", type=Path, help="write JUnit XML, a testcase a check")
    command.add_argument(
        "--markdown", metavar="FILE", type=Path, help='append a section of Markdown ("$GITHUB_STEP_SUMMARY")'
    )


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ReportError, HarnessError."""
    if options.virtual is not None:
        found = _virtual(options)
    elif options.ab is not None or options.commit is not None:
        try:
            found = _ab(options)
        except KeyboardInterrupt:
            kept = f"finished runs are kept in {options.out or gate_ab.OUT}"
            print(f"\ninterrupted: {kept}; run the same command to go on", file=sys.stderr)
            return exits.INTERRUPTED
    else:
        found = _runs(options)
    if options.junit is not None:
        save(options.junit, documents.junit(found))
    if options.markdown is not None:
        text.append(options.markdown, text.markdown(found))
    if options.json:
        print(to_json(documents.document(found)).rstrip())
    else:
        show(text.render(found))
    return found.code


def _runs(options: argparse.Namespace) -> Outcome:
    """Run folders, against a baseline and under thresholds."""
    _refuse(options, ("jobs", *gate_ab.OPTIONS), "--ab or --virtual")
    if not options.runs or (options.baseline is None and options.threshold is None):
        raise UsageError("gate: expected RUN with --baseline FILE or --threshold T; or --ab; or --virtual")
    if options.baseline is None:
        _refuse(options, ("tolerance", "metric"), "--baseline")
    elif options.goodput is not None:
        raise UsageError("--goodput: the baseline says it: expected it with --threshold alone")
    limits = [thresholds.parse(given) for given in options.threshold or ()]
    tolerance, chosen = _tolerance(options), metrics.chosen(options.metric)
    known = None if options.baseline is None else baseline.read(options.baseline)
    objectives = wanted(options) if known is None else known.objectives
    with Stages({"reading": 1.0}) as stages:
        read = read_runs(each_once(options.runs), stages.enter("reading"))
        runs = [Sampled(run, objectives) for run in read]
    found = []
    if known is not None:
        asked = options.metric is not None
        found.append(compared.against_baseline(known, runs, chosen, tolerance, asked=asked))
    if limits:
        found.append(compared.under_thresholds(limits, runs))
    return joined(found)


def _virtual(options: argparse.Namespace) -> Outcome:
    """Evenings in virtual time, to the last figure."""
    from reports.gate import exact, exact_spec  # noqa: PLC0415 - client and provider are played here only

    others = ("runs", "threshold", "tolerance", "metric", "goodput", *gate_ab.OPTIONS)
    _refuse(options, others, None, beside="--virtual")
    if options.baseline is None:
        raise UsageError("--virtual: expected --baseline FILE, as `reports baseline --virtual` writes it")
    spec, known = exact_spec.read_exact(options.virtual), exact.read(options.baseline)
    if reasons := exact.respecified(known, spec):
        return exact.refused(spec.name, reasons)
    return exact.compare(spec.name, known, exact.play(spec, options.jobs or cores()))


def _ab(options: argparse.Namespace) -> Outcome:
    """Two sides, played now."""
    _refuse(options, ("runs", "baseline", "threshold", "jobs"), None, beside="--ab")
    tolerance, chosen = _tolerance(options), metrics.chosen(options.metric)
    # A CI server that has lost its patience sends SIGTERM: what a Ctrl-C cleans up, it is to clean up, too.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return gate_ab.play(options, chosen, tolerance, asked=options.metric is not None)
    except UnlikeError as error:
        return Outcome("two sides in real time", (Check("runs", Verdict.INCONCLUSIVE, str(error)),))
    finally:
        signal.signal(signal.SIGTERM, before)


def _tolerance(options: argparse.Namespace) -> float:
    given = TOLERANCE if options.tolerance is None else options.tolerance
    found = _PERCENT.fullmatch(given.strip())
    percent = float(found[1]) if found else 0.0
    if not 0 < percent < 100:  # noqa: PLR2004 - percent
        raise UsageError(f"--tolerance {given}: expected a percentage over 0% and under 100%, such as 5%")
    return percent / 100


def _refuse(
    options: argparse.Namespace, names: Sequence[str], needed: str | None, *, beside: str = ""
) -> None:
    """Options that would be ignored are refused. Raises UsageError."""
    for name in names:
        given = getattr(options, name)
        if given is not None and given is not False and given != []:
            shown = "RUN" if name == "runs" else f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{shown}: expected {needed} with it" if needed else f"{shown}: has no use with {beside}"
            )

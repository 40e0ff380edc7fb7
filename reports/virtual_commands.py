"""The commands of `python -m reports` that play in virtual time."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from reports.errors import ReportError, UsageError
from reports.load import read_run
from reports.summary import save, summarise, write
from reports.summary_text import render as summary_text
from reports.telling import tell

MOST_JOBS = 1024

#: Keys of a spec, and the options of `play` that stand for them.
_OPTIONS = {
    "evening.window": "--window",
    "evening.length": "--evening",
    "evening.peak_rps": "--peak-rps",
    "evening.arrivals": "--arrivals",
    "mock_profile": "--mock-profile",
    "goodput": "--goodput",
}

#: Those whose results are kept as they come, so that the same command goes on where it was.
RESUMABLE = ("sweep", "tune")


def add(commands: Any) -> None:
    """`sweep` and `tune`."""
    sweep = commands.add_parser("sweep", help="play a grid of policy settings in virtual time")
    sweep.add_argument("spec", metavar="SPEC.toml", type=Path, help="what to play")
    tune = commands.add_parser("tune", help="seek better policy settings in virtual time")
    tune.add_argument("spec", metavar="SPEC.toml", type=Path, help="what to seek, on what")
    tune.add_argument(
        "--storage", metavar="URL", help="Optuna storage that several machines share (default: a file in DIR)"
    )
    for command in (sweep, tune):
        command.add_argument(
            "--out", metavar="DIR", type=Path, required=True, help="where results go; run again to go on"
        )
        command.add_argument(
            "--jobs",
            metavar="N",
            type=_jobs,
            default=os.cpu_count() or 1,
            help="at once (default: a core each)",
        )
        command.add_argument(
            "--real", action="store_true", help="replay the best in real time, beside the settings of today"
        )
        command.add_argument("--json", action="store_true", help="print JSON instead of the table")


def add_play(play: argparse.ArgumentParser) -> None:
    """`play`, with its options named as the scenarios name theirs."""
    play.add_argument("--policy", default="tuned", metavar="PRESET|FILE.toml", help="the client (tuned)")
    play.add_argument(
        "--mock-profile", default="primetime", metavar="NAME|FILE.toml", help="the provider (primetime)"
    )
    play.add_argument("--window", default="19:30-20:30", metavar="HH:MM-HH:MM", help="of the evening")
    play.add_argument("--evening", default="3m", metavar="LENGTH", help="how long it plays (3m)")
    play.add_argument(
        "--peak-rps", type=float, default=20.0, metavar="N", help="calls a second at the peak (20)"
    )
    play.add_argument(
        "--arrivals", default="gamma", metavar="LAW", help="gamma (default), poisson or constant"
    )
    play.add_argument("--stream", action="store_true", help="ask for replies as streams")
    play.add_argument("--seed", type=int, default=1, metavar="N", help="of everything that is drawn (1)")
    play.add_argument("--run-dir", type=Path, default=Path("runs"), metavar="DIR", help="(runs)")
    play.add_argument("--json", action="store_true", help="print the JSON instead of the table")


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_JOBS):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1 to {MOST_JOBS}")
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Do what one of these commands asks. Raises ReportError, HarnessError."""
    # Optuna and plotting are imported by those who need them.
    match options.command:
        case "play":
            _play(options)
        case "sweep":
            _sweep(options)
        case _:
            _tune(options)


def _play(options: argparse.Namespace) -> None:
    from reports.run_page import render  # noqa: PLC0415
    from reports.virtual.folder import play_into  # noqa: PLC0415
    from reports.virtual.stage import stage_of  # noqa: PLC0415

    evening = {
        "window": options.window,
        "length": options.evening,
        "peak_rps": options.peak_rps,
        "arrivals": options.arrivals,
    }
    document = {
        "policy": options.policy,
        "mock_profile": options.mock_profile,
        "stream": options.stream,
        "evening": evening,
    }
    if options.goodput is not None:
        document["goodput"] = options.goodput
    try:
        stage = stage_of(document, Path())
    except ReportError as error:
        raise UsageError(_as_options(str(error))) from error
    folder = play_into(stage, stage.policy({}), options.seed, options.run_dir)
    run = read_run(folder)
    summary = summarise(run, stage.objectives)
    written = [write(summary, folder), save(folder / "report.html", render(run, stage.objectives).encode())]
    tell(options, summary, summary_text(summary), written)


def _as_options(text: str) -> str:
    """What is wrong with the keys of a spec, said of the options they were given by."""
    for key, option in _OPTIONS.items():
        text = text.replace(f"{key} =", f"{option} =")
    return text


def _sweep(options: argparse.Namespace) -> None:
    from reports.sweep import page, result, run, spec  # noqa: PLC0415

    sweep = spec.read_sweep(options.spec)
    rows = run.play(sweep, options.out, options.jobs)
    real = run.replay(sweep, rows, options.out) if options.real else []
    written = run.write(sweep, rows, real, options.out)
    tell(options, result.document(sweep, rows, real), page.text(sweep, rows, real), written)


def _tune(options: argparse.Namespace) -> None:
    from reports.tune import page, result, run, spec  # noqa: PLC0415

    tuned = run.tune(
        spec.read_tune(options.spec), options.out, options.jobs, options.storage, real=options.real
    )
    written = run.write(tuned, options.out)
    tell(options, result.document(tuned), page.text(tuned), written)

"""`play`: one evening in virtual time."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports import exits
from reports.commands.options import add_goodput, add_json, as_options
from reports.errors import ReportError, UsageError
from reports.reading.load import read_run
from reports.summary.result import save, summarise, write
from reports.summary.text import render as summary_text
from reports.telling.output import tell

NAME, HELP = "play", "play one evening in virtual time, and leave its run folder"
EXAMPLES = (
    "python -m reports play",
    "python -m reports play --policy article --window 18:00-23:00 --evening 5h",
    "python -m reports play --policy my-policy.toml --mock-profile rate-limited",
    "python -m reports play --queue-workers 4 --json",
)

#: Keys of a spec, and the options of `play` that stand for them.
_OPTIONS = {
    "evening.window": "--window",
    "evening.length": "--evening",
    "evening.peak_rps": "--peak-rps",
    "evening.arrivals": "--arrivals",
    "mock_profile": "--mock-profile",
    "goodput": "--goodput",
    "queue.workers": "--queue-workers",
    "queue.max_depth": "--queue-depth",
}


def add(command: argparse.ArgumentParser) -> None:
    """Its options, named as the scenarios name theirs."""
    command.add_argument("--policy", default="tuned", metavar="PRESET|FILE.toml", help="the client (tuned)")
    command.add_argument(
        "--mock-profile", default="primetime", metavar="NAME|FILE.toml", help="the provider (primetime)"
    )
    command.add_argument("--window", default="19:30-20:30", metavar="HH:MM-HH:MM", help="of the evening")
    command.add_argument("--evening", default="3m", metavar="LENGTH", help="how long it plays (3m)")
    command.add_argument(
        "--peak-rps", type=float, default=20.0, metavar="N", help="calls a second at the peak (20)"
    )
    command.add_argument(
        "--arrivals", default="gamma", metavar="LAW", help="gamma (default), poisson or constant"
    )
    command.add_argument(
        "--queue-workers",
        type=int,
        metavar="N",
        help="through a queue, over whose workers the policy is divided",
    )
    command.add_argument(
        "--queue-depth", type=int, metavar="N", help="through a queue: a task is refused while N wait or run"
    )
    command.add_argument("--stream", action="store_true", help="ask for replies as streams")
    command.add_argument("--seed", type=int, default=1, metavar="N", help="of everything that is drawn (1)")
    command.add_argument("--run-dir", type=Path, default=Path("runs"), metavar="DIR", help="(runs)")
    add_json(command)
    add_goodput(command)


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ReportError, HarnessError."""
    from reports.summary.page import render  # noqa: PLC0415
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
    queue = {"workers": options.queue_workers, "max_depth": options.queue_depth}
    if any(value is not None for value in queue.values()):
        document["queue"] = {key: value for key, value in queue.items() if value is not None}
    if options.goodput is not None:
        document["goodput"] = options.goodput
    try:
        stage = stage_of(document, Path())
    except ReportError as error:
        raise UsageError(as_options(str(error), _OPTIONS)) from error
    folder = play_into(stage, stage.policy({}), options.seed, options.run_dir)
    played = read_run(folder)
    summary = summarise(played, stage.objectives)
    written = [
        write(summary, folder),
        save(folder / "report.html", render(played, stage.objectives, summary).encode()),
    ]
    tell(options, summary, summary_text(summary), written)
    return exits.OK

"""`python -m reports`: read runs, print and draw what they show."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from harness.errors import HarnessError
from reports import objectives, virtual_commands
from reports.errors import ReportError, UsageError
from reports.load import read_run
from reports.run import Run
from reports.summary import save, summarise, to_json, write
from reports.summary_text import render as summary_text
from reports.telling import tell

EXIT_OK = 0
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141

FEWEST_COMPARED = 2

EXAMPLES = """\
examples:
  python -m reports summarise runs/20260101T120000-primetime-tuned
  python -m reports summarise RUN --goodput call_latency:10000 e2el:8000 --json
  python -m reports summarise RUN --goodput ttft:2000 itl:60
  python -m reports html RUN
  python -m reports compare runs/*-article runs/*-tuned -o docs/
  python -m reports play --policy article --window 18:00-23:00 --evening 5h
  python -m reports sweep reports/experiments/semaphore-and-knee.toml --out sweeps/knee
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, so that every bad input ends the same way."""
        raise UsageError(f"{message} (python -m reports -h shows how)")


def parser() -> Parser:
    """The command line."""
    shown = argparse.RawDescriptionHelpFormatter
    root = Parser(
        prog="python -m reports", description="Read recorded runs.", epilog=EXAMPLES, formatter_class=shown
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    one = commands.add_parser("summarise", help="write summary.json and print it as a table")
    one.add_argument("runs", metavar="RUN", type=Path, nargs=1, help="a run folder")
    one.add_argument("--json", action="store_true", help="print the JSON instead of the table")

    html = commands.add_parser("html", help="write a self-contained page of one run")
    html.add_argument("runs", metavar="RUN", type=Path, nargs=1, help="a run folder")
    html.add_argument("-o", dest="out", metavar="FILE", type=Path, help="where to (default: RUN/report.html)")

    several = commands.add_parser(
        "compare", help="print runs side by side, write compare.html and compare.png"
    )
    several.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="two run folders or more")
    several.add_argument(
        "-o", dest="out", metavar="DIR", type=Path, help="where to (default: the runs' common parent folder)"
    )
    several.add_argument("--json", action="store_true", help="print JSON instead of the table")

    play = commands.add_parser("play", help="play one evening in virtual time, and leave its run folder")
    virtual_commands.add_play(play)
    virtual_commands.add(commands)
    for command in (one, html, several, play):
        command.add_argument(
            "--goodput",
            metavar="METRIC:MS",
            nargs="+",
            help=f"what an ok call must meet, of {', '.join(objectives.NAMES)}; itl is a call's mean gap,"
            f" and only a stream meets {', '.join(objectives.OF_STREAMS)} (default: call_latency:15000)",
        )
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    given = argparse.Namespace(command="")
    try:
        parser().parse_args(arguments, given)
        _run(given)
        sys.stdout.flush()
    except (ReportError, HarnessError) as error:
        print(f"reports: error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        if given.command in virtual_commands.RESUMABLE:
            print("interrupted: what is finished is kept; run the same command to go on", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left; what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE_CLOSED
    return EXIT_OK


def _run(options: argparse.Namespace) -> None:
    match options.command:
        case "play" | "sweep" | "tune":
            virtual_commands.run(options)
        case _:
            _read(options)


def _read(options: argparse.Namespace) -> None:
    """The commands that read runs."""
    wanted = objectives.DEFAULT if options.goodput is None else objectives.parse(options.goodput)
    runs = [read_run(path) for path in options.runs]
    match options.command:
        case "summarise":
            _summarise(options, runs[0], wanted)
        case "html":
            _html(options, runs[0], wanted)
        case "compare":
            _compare(options, runs, wanted)


def _summarise(options: argparse.Namespace, run: Run, wanted: Sequence[objectives.Objective]) -> None:
    summary = summarise(run, wanted)
    write(summary, options.runs[0])
    print(to_json(summary).rstrip() if options.json else summary_text(summary))


def _html(options: argparse.Namespace, run: Run, wanted: Sequence[objectives.Objective]) -> None:
    # Plotting takes a second to import; only the commands that draw pay for it.
    from reports.run_page import render  # noqa: PLC0415

    path = options.out or options.runs[0] / "report.html"
    print(f"wrote {save(path, render(run, wanted).encode())}")


def _compare(
    options: argparse.Namespace, runs: Sequence[Run], wanted: Sequence[objectives.Objective]
) -> None:
    from reports import compare, compare_page  # noqa: PLC0415

    if len(runs) < FEWEST_COMPARED:
        raise UsageError("compare: expected two runs or more")
    compared = compare.collect(runs, wanted)
    warned = compare.warnings(runs)
    folder = options.out or common_parent(options.runs)
    written = [
        save(folder / "compare.html", compare_page.render(compared, warned).encode()),
        save(folder / "compare.png", compare_page.picture(compared)),
    ]
    tell(options, compare.document(compared, warned), compare.render(compared, warned), written)


def common_parent(paths: Sequence[Path]) -> Path:
    """The deepest folder that holds all the runs."""
    parents = [path.resolve().parent for path in paths]
    return Path(os.path.commonpath(parents))


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a sign gets another one, not a traceback.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())

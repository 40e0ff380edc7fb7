"""`python -m reports`: read runs, print and draw what they show; play some of its own."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from harness.errors import HarnessError
from reports import exits
from reports.commands import baseline, compare, export, gate, html, play, summarise, sweep, tune
from reports.errors import ReportError, UsageError

COMMANDS = {
    module.NAME: module for module in (summarise, html, compare, export, baseline, gate, play, sweep, tune)
}

#: Those whose results are kept as they come, so that the same command goes on where it was.
RESUMABLE = (sweep.NAME, tune.NAME)

EXAMPLES = """\
examples:
  python -m reports summarise runs/20260101T120000-primetime-tuned
  python -m reports summarise RUN --goodput call_latency:10000 e2el:8000 --json
  python -m reports summarise RUN --goodput ttft:2000 itl:60
  python -m reports summarise RUN --prices my-prices.toml
  python -m reports html RUN
  python -m reports compare runs/*-article runs/*-tuned -o docs/
  python -m reports export RUN --format csv -o tables/
  python -m reports baseline runs/*-tuned -o baseline.json
  python -m reports gate RUN --baseline baseline.json --threshold 'call_latency p(95)<8s'
  python -m reports gate --ab tuned my-policy.toml --pairs 8
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
    for name, module in COMMANDS.items():
        module.add(commands.add_parser(name, help=module.HELP))
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    given = argparse.Namespace(command="")
    try:
        parser().parse_args(arguments, given)
        code = int(COMMANDS[given.command].run(given))
        sys.stdout.flush()
    except (ReportError, HarnessError) as error:
        print(f"reports: error: {error}", file=sys.stderr)
        return exits.BAD_INPUT
    except KeyboardInterrupt:
        if given.command in RESUMABLE:
            print("interrupted: what is finished is kept; run the same command to go on", file=sys.stderr)
        return exits.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left; what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.PIPE_CLOSED
    return code


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a sign gets another one, not a traceback.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())

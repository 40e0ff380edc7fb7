"""`python -m reports`: read runs, print and draw what they show; play some of its own."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from harness import command_line
from harness.errors import HarnessError
from reports import exits
from reports.commands import baseline, compare, export, fit, gate, html, play, summarise, sweep, tune
from reports.errors import ReportError, UsageError

COMMANDS = {
    module.NAME: module
    for module in (summarise, html, compare, export, baseline, gate, play, sweep, tune, fit)
}

#: Those whose results are kept as they come, so that the same command goes on where it was.
RESUMABLE = (sweep.NAME, tune.NAME)

EXAMPLES = (
    "python -m reports summarise runs/20260101T120000-primetime-tuned",
    "python -m reports compare runs/*-article runs/*-tuned -o docs/",
    "python -m reports gate RUN --threshold 'call_latency p(95)<8s'",
    "python -m reports play --policy article --window 18:00-23:00 --evening 5h",
    "python -m reports gate -h",
)


class Parser(command_line.Parser):
    """Bad input is an error of reports."""

    wrong = UsageError


def parser() -> Parser:
    """The command line."""
    root = Parser(
        prog="python -m reports",
        description="Read recorded runs; play evenings in virtual time.",
        epilog=command_line.epilog(EXAMPLES, command_line.exit_codes(exits.PLAIN)),
        formatter_class=command_line.Help,
    )
    command_line.add_version(root)
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=f"{module.HELP[0].upper()}{module.HELP[1:]}.",
            epilog=command_line.epilog(
                module.EXAMPLES, command_line.exit_codes(exits.OF.get(name, exits.PLAIN))
            ),
            formatter_class=command_line.Help,
        )
        module.add(command)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    given = argparse.Namespace(command="")
    try:
        parser().parse_args(arguments, given)
        code = int(COMMANDS[given.command].run(given))
        sys.stdout.flush()
    except (ReportError, HarnessError) as error:
        command_line.complain("reports", error)
        return exits.BAD_INPUT
    except KeyboardInterrupt:
        kept = ": what is finished is kept; run the same command to go on"
        print(f"interrupted{kept if given.command in RESUMABLE else ''}", file=sys.stderr)
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

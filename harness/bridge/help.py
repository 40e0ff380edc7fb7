"""`--help-scenario`: a scenario's options. Locust answers `--help` before it has read the locustfile."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from locust.argument_parser import default_args_dict

from harness.bridge import exits
from harness.command_line import Help, epilog, exit_codes

OPTION = "--help-scenario"

#: Locust's own options that a scenario needs, as it takes them.
LOCUSTS = """\
Of Locust's own options (locust --help shows all):
  --headless            without the web UI, which is at http://localhost:8089
  -H URL, --host URL    what to call, instead of the bundled mock server
  -t TIME               stop arrivals after that long: 30s, 5m
  --processes N         N workers on this machine, for more load
  --master, --worker    on several machines; --master-host where the master is
  -u N                  with --arrivals closed: N users, each in a loop"""

#: Examples, by the option they need.
EXAMPLES = {
    "evening": ("--headless --policy article", "--window 18:00-23:00 --evening 10m"),
    "rate": ("--headless --rate 50 --length 2m", "--headless --arrivals closed -u 20"),
    "trace": ("--headless --trace FILE --speedup 20",),
    "queue_workers": ("--headless --queue-workers 4",),
    "transport": ("--headless --transport fast --processes 2",),
    "max_usd": (
        "--host https://api.openai.com \\\n      --model gpt-4.1-mini --allow-real-target --max-usd 0.50",
    ),
}


class ScenarioHelp(argparse.Action):
    """Print the options that the locustfile has added, and exit."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *_: Any) -> NoReturn:
        """Do it."""
        sys.stdout.write(text(parser, str(getattr(namespace, "locustfile", "FILE"))))
        parser.exit()


def add_help(parser: Any) -> None:
    """The option; it has no place in the web UI's form."""
    parser.add_argument(
        OPTION,
        action=ScenarioHelp,
        nargs=0,
        default=argparse.SUPPRESS,
        include_in_web_ui=False,
        help="show these options and exit",
    )


def text(parser: argparse.ArgumentParser, locustfile: str) -> str:
    """The help of a scenario."""
    options = added(parser)
    command = f"locust -f {os.path.relpath(locustfile)}"
    formatter = Help(command)
    formatter.add_text(f"usage: {command} [options]")
    formatter.start_section("options of the scenario")
    formatter.add_arguments(options)
    formatter.end_section()
    formatter.add_text(LOCUSTS)
    names = {option.dest for option in options}
    examples = [example for needed, of in EXAMPLES.items() if needed in names for example in of]
    formatter.add_text(epilog([command, *(f"{command} {e}" for e in examples)], exit_codes(exits.MEANINGS)))
    return formatter.format_help()


def added(parser: argparse.ArgumentParser) -> Sequence[argparse.Action]:
    """The options that are not Locust's own."""
    known = {*default_args_dict(), "help", "version"}
    return [action for action in parser._actions if action.dest not in known]  # noqa: SLF001 - nothing else lists them

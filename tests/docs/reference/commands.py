"""The options of every command, as its own parser has them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import Any

from locust.argument_parser import LocustArgumentParser

import mockserver.__main__
import scenarios.primetime
import scenarios.queued
import scenarios.replay
import scenarios.steady
from harness.queue.__main__ import parser as queue_parser
from reports.__main__ import parser as reports_parser
from tests.docs.reference.markdown import code, table

TITLE = "Commands"

HEAD = """
The options of every command, with its examples and exit codes; `-h` of each says the same. A wrong option
or value is one line that names it, and exit code 2.
"""

#: A scenario, and what its locustfile has installed.
SCENARIOS = {
    "primetime": scenarios.primetime.evening,
    "steady": scenarios.steady.steady,
    "replay": scenarios.replay.trace,
    "queued": scenarios.queued.evening,
}

OF_SCENARIOS = """\
`locust -f scenarios/NAME.py`, beside all of [Locust's own options](https://docs.locust.io/en/stable/configuration.html);
a `locust.conf` may hold them, too. `--help-scenario` after the file prints its options: Locust answers
`--help` before it has read the file, and so knows of none of them.
"""


def page() -> str:
    """Scenarios, then every command of `reports`, `mockserver` and `harness.queue`."""
    parts = [HEAD, "## Scenarios\n", OF_SCENARIOS, *_scenarios()]
    for root in (reports_parser(), mockserver.__main__.parser(), queue_parser()):
        parts += _commands(root, 2)
    return "\n".join(parts)


def _scenarios() -> Iterator[str]:
    """What all of them share once, then what each has beside it."""
    found = {name: list(_rows(_parser_of(bridge))) for name, bridge in SCENARIOS.items()}
    shared = [row for row in found["primetime"] if all(row in rows for rows in found.values())]
    yield "### All of them\n"
    yield _table(shared)
    for name, rows in found.items():
        yield f"### scenarios/{name}.py\n"
        yield _table(row for row in rows if row not in shared)


def _parser_of(bridge: Any) -> argparse.ArgumentParser:
    parser = LocustArgumentParser(add_help=False)
    bridge.on_parser(parser)
    return parser


def _commands(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    """A command, then those under it."""
    yield f"{'#' * level} {parser.prog}\n"
    if parser.description:
        yield f"{' '.join(parser.description.split())}\n"
    under = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if rows := list(_rows(parser)):
        yield _table(rows)
    if parser.epilog:
        yield f"```text\n{parser.epilog.strip()}\n```\n"
    for action in under:
        for command in action.choices.values():
            yield from _commands(command, level + 1)


def _rows(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Each option, with what its help says."""
    formatter = parser._get_formatter()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
            continue
        if action.help == argparse.SUPPRESS:
            continue
        yield _flags(action, formatter), formatter._expand_help(action) if action.help else ""


def _flags(action: argparse.Action, formatter: argparse.HelpFormatter) -> str:
    """As a usage line has it, each spelling once: `-o FILE`, `RUN...`."""
    taken = formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
    if not action.option_strings:
        return code(formatter._format_args(action, formatter._get_default_metavar_for_positional(action)))
    spelt = ", ".join(action.option_strings)
    return code(f"{spelt} {taken}".strip())


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return table(["option", "meaning"], rows)

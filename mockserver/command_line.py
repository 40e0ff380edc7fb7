"""The manners of the command line: help that fits, one-line errors with the nearest option, the version.

(`harness` has the like; the two packages share no code.)
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any, NoReturn, TextIO

from mockserver.tables import nearest

DISTRIBUTION = "primetime-harness"
EXIT_USAGE = 2
MOST_COLUMNS = 100

# SGR of ECMA-48.
BOLD, RED = "1", "1;31"


def paint(text: str, style: str, to: TextIO) -> str:
    """The text in colour on a terminal that has it, unless NO_COLOR; anywhere by FORCE_COLOR."""
    plain = os.environ.get("NO_COLOR") or not (
        os.environ.get("FORCE_COLOR") or (to.isatty() and os.environ.get("TERM") != "dumb")
    )
    return text if plain else f"\x1b[{style}m{text}\x1b[0m"


def complain(error: object) -> None:
    """One line of what is wrong."""
    sys.stderr.write(f"mockserver: {paint('error:', RED, sys.stderr)} {' '.join(str(error).split())}\n")


class Help(argparse.RawDescriptionHelpFormatter):
    """Options as argparse shows them, the rest as it is written, headings in bold on a terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(shutil.get_terminal_size().columns, MOST_COLUMNS) - 2)

    def start_section(self, heading: str | None) -> None:
        super().start_section(None if heading is None else paint(heading, BOLD, sys.stdout))


class Version(argparse.Action):
    """`--version`: the distribution's, looked up only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        sys.stdout.write(f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)}\n")
        parser.exit()


class Parser(argparse.ArgumentParser):
    """An error is one line; `--help` shows the usage."""

    def error(self, message: str) -> NoReturn:
        complain(f"{message} ({self.prog} -h shows how)")
        self.exit(EXIT_USAGE)

    def parse_known_args(  # type: ignore[override]  # argparse's overloads say the same at length
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            known = [option for action in self._actions for option in action.option_strings]
            hint = nearest(unknown[0].partition("=")[0], known)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return found, unknown

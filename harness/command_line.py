"""The manners of a command line: help that fits, one-line errors with the nearest name, the version."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from typing import Any, NoReturn, TextIO

from harness import terminal
from harness.errors import ConfigError, nearest

DISTRIBUTION = "primetime-harness"


class Help(argparse.RawDescriptionHelpFormatter):
    """Options as argparse shows them, examples as they are written, headings in bold on a terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=terminal.columns(elsewhere=80) - 2)

    def add_argument(self, action: argparse.Action) -> None:
        """An option; where it is a list of commands, argparse forgets that they are set in."""
        super().add_argument(action)
        if isinstance(action.choices, dict):
            self._action_max_length += self._indent_increment

    def start_section(self, heading: str | None) -> None:
        """A heading, and what follows it."""
        super().start_section(None if heading is None else terminal.paint(heading, "heading", sys.stdout))


class Version(argparse.Action):
    """`--version`: the distribution's, looked up only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print it, and exit."""
        sys.stdout.write(f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)}\n")
        parser.exit()


class Parser(argparse.ArgumentParser):
    """A parser whose bad input is one line, and names what was probably meant.

    `formatter_class=Help` is to be given to each: argparse hands none on to a command's parser.
    """

    #: What bad input raises.
    wrong: type[Exception] = ConfigError

    def error(self, message: str) -> NoReturn:
        """Raise `wrong`, so that every bad input ends the same way."""
        raise self.wrong(f"{message} ({self.prog} -h shows how)")

    def parse_known_args(  # type: ignore[override]  # argparse's overloads say the same at length
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse, but a command complains itself of what it does not know: it has the nearest name."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            known = [option for action in self._actions for option in action.option_strings]
            hints = (nearest(word.partition("=")[0], known) for word in unknown if word.startswith("-"))
            self.error(f"unrecognized arguments: {' '.join(unknown)}{next(filter(None, hints), '')}")
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            hint = nearest(str(value), known)
            raise argparse.ArgumentError(
                action, f"invalid choice: {value!r}{hint}: expected one of {', '.join(known)}"
            )


def add_version(parser: argparse.ArgumentParser) -> None:
    """`--version`."""
    parser.add_argument("--version", action=Version, nargs=0, help="show the version and exit")


def epilog(examples: Iterable[str], *more: str) -> str:
    """What stands below the options: examples, each as it is typed, then more, such as exit codes."""
    shown = "\n".join([_heading("examples:"), *(f"  {line}" for line in examples)])
    return "\n\n".join([shown, *(_headed(part) for part in more)])


def exit_codes(meanings: dict[int, str]) -> str:
    """Exit codes as a part of `epilog`."""
    return "\n".join(["exit codes:", *(f"  {code:<5}{meanings[code]}" for code in sorted(meanings))])


def complain(name: str, error: BaseException | str, to: TextIO | None = None) -> None:
    """Print an error: one line, of which only the first words are coloured."""
    to = sys.stderr if to is None else to
    to.write(f"{name}: {terminal.paint('error:', 'error', to)} {' '.join(str(error).split())}\n")


def _headed(part: str) -> str:
    head, newline, rest = part.partition("\n")
    return f"{_heading(head)}{newline}{rest}"


def _heading(text: str) -> str:
    return terminal.paint(text, "heading", sys.stdout)

"""Every command: help that fits, examples that are taken, the version, colour on terminals only."""

from __future__ import annotations

import argparse
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib import metadata
from itertools import takewhile

import pytest

import mockserver.__main__ as mock
from harness.queue import __main__ as queue
from reports import __main__ as reports

ROOTS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "python -m reports": reports.parser,
    "python -m harness.queue": queue.parser,
    "python -m mockserver": mock.parser,
}
COLUMNS = 80


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command by its name, the roots too."""
    for root in ROOTS.values():
        parser = root()
        yield parser.prog, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from ((command.prog, command) for command in action.choices.values())


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize("command", [name for name, _ in commands()])
def test_help_fits_and_ends_with_examples_and_exit_codes(command: str) -> None:
    shown = dict(commands())[command].format_help()
    assert max(map(len, shown.splitlines())) <= COLUMNS
    _, _, rest = shown.partition("\nexamples:\n")
    examples, _, codes = rest.partition("\nexit codes:\n")
    assert command in examples
    assert {line.split()[0] for line in codes.splitlines()} >= {"0", "2"}


@pytest.mark.parametrize("command", [name for name, _ in commands()])
def test_every_example_is_taken_as_it_stands(command: str) -> None:
    _, _, rest = dict(commands())[command].format_help().partition("\nexamples:\n")
    shown = rest.partition("\n\n")[0].replace("\\\n", "")
    typed = [line for line in shown.splitlines() if "python -m" in line and "streaq" not in line]
    assert typed
    for line in typed:
        words = list(takewhile(lambda word: word not in {"|", "<"}, shlex.split(line, comments=True)))
        start = words.index("python")
        root = " ".join(words[start : start + 3])
        with nullcontext() if words[-1] != "-h" else pytest.raises(SystemExit):
            ROOTS[root]().parse_args(words[start + 3 :])


@pytest.mark.parametrize("module", ["reports", "harness.queue", "mockserver"])
def test_an_error_is_a_line_coloured_on_terminals_only(module: str) -> None:
    said = on_terminal(module, "--nonsense")
    assert re.fullmatch(rf"{module}: \x1b\[1;31merror:\x1b\[0m [^\n]*\r\n", said)
    done = subprocess.run(
        [sys.executable, "-m", module, "--nonsense"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == said.replace("\x1b[1;31m", "").replace("\x1b[0m", "").replace("\r", "")


def test_headings_are_bold_on_terminals_that_have_colours() -> None:
    assert "\x1b[1mexit codes:\x1b[0m" in on_terminal("mockserver", "-h")
    assert "\x1b" not in on_terminal("mockserver", "-h", NO_COLOR="1")
    assert "\x1b" not in on_terminal("mockserver", "-h", TERM="dumb")


@pytest.mark.parametrize("root", ROOTS.values(), ids=ROOTS)
def test_every_package_tells_the_version(
    root: Callable[[], argparse.ArgumentParser], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        root().parse_args(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr() == (f"primetime-harness {metadata.version('primetime-harness')}\n", "")


def environment(**ours: str) -> dict[str, str]:
    """A terminal's, in which nobody said anything of colours."""
    unset = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    return {**unset, "TERM": "xterm-256color", **ours}


def on_terminal(module: str, *arguments: str, **ours: str) -> str:
    """All that a command writes to a terminal of its own."""
    here, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(**ours),
    )
    os.close(theirs)
    said = b""
    with os.fdopen(here, "rb", buffering=0) as terminal:
        try:
            while part := terminal.read(4096):
                said += part
        except OSError:  # what Linux says once the other side is closed
            pass
    process.wait()
    return said.decode()

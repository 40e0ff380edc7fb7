"""One-line errors that name what was probably meant; help that fits the terminal."""

import io
from importlib import metadata

import pytest

from harness.command_line import Help, Parser, add_version, complain, epilog, exit_codes
from harness.errors import ConfigError


def parser() -> Parser:
    shown = epilog(["tool run RUN"], exit_codes({2: "bad", 0: "done"}))
    root = Parser(prog="python -m tool", formatter_class=Help, epilog=shown)
    add_version(root)
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run it", formatter_class=Help)
    run.add_argument("run", metavar="RUN")
    run.add_argument("--policy", help="the client's settings, which are told at some length in this place")
    run.add_argument("--wire", choices=("openai", "anthropic"))
    commands.add_parser("transmogrify", help="make something else of it", formatter_class=Help)
    return root


OPTION = "did you mean '--policy'?"


@pytest.mark.parametrize(
    ("arguments", "said", "command"),
    [
        (["rum"], "argument COMMAND: invalid choice: 'rum', did you mean 'run'?: {commands}", "tool"),
        (["run", "x", "--polcy", "y"], f"unrecognized arguments: --polcy y, {OPTION}", "tool run"),
        (["run", "x", "--polcy=y"], f"unrecognized arguments: --polcy=y, {OPTION}", "tool run"),
        (["run", "x", "y"], "unrecognized arguments: y", "tool run"),
        (["run", "x", "--wire", "openia"], "argument --wire: invalid choice: 'openia', {wires}", "tool run"),
        (["run"], "the following arguments are required: RUN", "tool run"),
        (["--versoin", "run", "x"], "unrecognized arguments: --versoin, did you mean '--version'?", "tool"),
    ],
)
def test_bad_input_names_the_nearest(arguments: list[str], said: str, command: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parser().parse_args(arguments)
    told = said.format(
        commands="expected one of run, transmogrify",
        wires="did you mean 'openai'?: expected one of openai, anthropic",
    )
    assert str(caught.value) == f"{told} (python -m {command} -h shows how)"


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr() == (f"primetime-harness {metadata.version('primetime-harness')}\n", "")


@pytest.mark.parametrize(("columns", "widest"), [("60", 60), ("80", 80), ("300", 100)])
def test_help_is_as_wide_as_the_terminal_but_stays_readable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str, widest: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for arguments in (["-h"], ["run", "-h"]):
        with pytest.raises(SystemExit):
            parser().parse_args(arguments)
        assert max(map(len, capsys.readouterr().out.splitlines())) <= widest


def test_help_ends_with_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["-h"])
    shown = capsys.readouterr().out
    assert shown.endswith("examples:\n  tool run RUN\n\nexit codes:\n  0    done\n  2    bad\n")
    assert "    transmogrify  make something else of it\n" in shown


def test_headings_are_bold_where_colour_is_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with pytest.raises(SystemExit):
        parser().parse_args(["-h"])
    shown = capsys.readouterr().out
    assert "\x1b[1moptions\x1b[0m:" in shown
    assert "\x1b[1mexamples:\x1b[0m\n" in shown


def test_an_error_is_one_line() -> None:
    to = io.StringIO()
    complain("tool", ConfigError("first\n  second"), to)
    assert to.getvalue() == "tool: error: first second\n"

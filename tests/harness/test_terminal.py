"""Colour and lines that change: on terminals only, and as the environment asks."""

import io

import pytest

from harness.terminal import WARNINGS, anew, coloured, columns, emphasised, paint, rewrites

PLAIN, RED = "error:", "\x1b[1;31merror:\x1b[0m"


class Terminal(io.StringIO):
    """What is no file."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("to", "environment", "shown"),
    [
        (Terminal(), {}, RED),
        (io.StringIO(), {}, PLAIN),
        (Terminal(), {"NO_COLOR": "1"}, PLAIN),
        (Terminal(), {"NO_COLOR": ""}, RED),
        (Terminal(), {"TERM": "dumb"}, PLAIN),
        (io.StringIO(), {"FORCE_COLOR": "1"}, RED),
        (io.StringIO(), {"FORCE_COLOR": ""}, PLAIN),
        (Terminal(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, PLAIN),
    ],
)
def test_colour_is_for_terminals_and_as_the_environment_asks(
    monkeypatch: pytest.MonkeyPatch, to: io.StringIO, environment: dict[str, str], shown: str
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert coloured(to) is (shown is RED)
    assert paint("error:", "error", to) == shown


def test_lines_are_not_written_over_for_the_sake_of_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not rewrites(io.StringIO())


def test_a_line_that_changes_does_not_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    assert anew("0123456789abc") == "\r\x1b[K012345678"
    assert anew("0123") == "\r\x1b[K0123"


def test_text_is_as_wide_as_the_terminal_but_no_wider_than_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, width in (("60", 60), ("300", 100)):
        monkeypatch.setenv("COLUMNS", given)
        assert columns() == columns(elsewhere=80) == width


def test_lines_that_warn_are_emphasised_where_there_is_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    text = "run\nDEGRADED: a worker was lost\n\n! 3 % of calls failed\n  wow! "
    assert emphasised(text, WARNINGS, io.StringIO()) == text
    assert emphasised(text, WARNINGS, Terminal()).split("\n") == [
        "run",
        "\x1b[1;33mDEGRADED: a worker was lost\x1b[0m",
        "",
        "\x1b[1;33m! 3 % of calls failed\x1b[0m",
        "  wow! ",
    ]

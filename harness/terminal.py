"""What a terminal can do: whether it wants colour, whether a line can be written over, how wide it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import TextIO

#: SGR of ECMA-48, by what is meant.
STYLES = {"heading": "1", "error": "1;31", "good": "1;32", "warning": "1;33"}

#: Text is no wider, however wide the terminal is.
MOST_COLUMNS = 100

#: Lines of a report that warn, by how they begin.
WARNINGS = {"DEGRADED": "warning", "! ": "warning"}

#: Back to the start of the line, which is emptied.
_ANEW = "\r\x1b[K"


def paint(text: str, style: str, to: TextIO) -> str:
    """The text in a style of `STYLES`, where `to` shows colours."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if coloured(to) else text


def columns(elsewhere: int = MOST_COLUMNS) -> int:
    """How wide text for people is: as the terminal, but no wider than is read with ease; and elsewhere."""
    return min(shutil.get_terminal_size((elsewhere, 24)).columns, MOST_COLUMNS)


def emphasised(text: str, marks: Mapping[str, str], to: TextIO) -> str:
    """The text, its lines that begin with one of the marks in that one's style."""
    lines = text.split("\n")
    styles = [next((style for mark, style in marks.items() if line.startswith(mark)), None) for line in lines]
    return "\n".join(
        line if style is None else paint(line, style, to) for line, style in zip(lines, styles, strict=True)
    )


def coloured(to: TextIO) -> bool:
    """Whether colours are wanted: on a terminal that has them, unless NO_COLOR; anywhere by FORCE_COLOR.

    Both count where they are not empty, and NO_COLOR first: https://no-color.org, https://force-color.org.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or rewrites(to)


def rewrites(to: TextIO) -> bool:
    """Whether a line there can be written over, and understands more than text."""
    return to.isatty() and os.environ.get("TERM") != "dumb"


def anew(line: str) -> str:
    """What replaces the line under the cursor; cut to the width, since what has wrapped is not replaced."""
    return _ANEW + line[: shutil.get_terminal_size().columns - 1]

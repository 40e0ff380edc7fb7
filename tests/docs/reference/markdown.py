"""Pieces of Markdown."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence

#: As the pages that are written by hand.
WIDTH = 108


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; no cell breaks its row."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines) + "\n"


def code(text: object) -> str:
    """In backticks; nothing stays nothing."""
    return f"`{text}`" if str(text) else ""


def prose(documented: object) -> str:
    """What a docstring says, paragraph by paragraph."""
    return filled(inspect.getdoc(documented) or "")


def filled(text: str) -> str:
    """Paragraphs in lines of one width."""
    parts = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(textwrap.fill(part, WIDTH, break_on_hyphens=False) for part in parts) + "\n"


def value(found: object) -> str:
    """A setting as TOML has it; nothing for None."""
    match found:
        case None:
            return ""
        case bool():
            return code(str(found).lower())
        case tuple() | list():
            return code("[" + ", ".join(f'"{item}"' for item in found) + "]")
        case str():
            return code(f'"{found}"')
        case float():
            return code(f"{found:g}")
        case _:
            return code(found)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

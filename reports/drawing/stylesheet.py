"""The look of the pages: one column of cards in the system's fonts, by day, by night and on paper."""

from __future__ import annotations

from functools import cache
from importlib import resources

from reports.drawing import theme

#: The files beside this one, in the order in which they overrule each other.
SHEETS = ("base", "parts", "pictures", "tables", "phone", "paper")


@cache
def stylesheet() -> str:
    """All of it."""
    folder = resources.files("reports.drawing") / "css"
    sheets = [(folder / f"{name}.css").read_text(encoding="utf-8") for name in SHEETS]
    return "\n" + theme.variables() + "".join(sheets)

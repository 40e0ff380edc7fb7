"""Colours by day and by night: what stands in a page as a variable, and what it is on each ground.

Pictures are drawn by day; in a page their colours become variables, so that one drawing serves both. Text
differs from its ground by 4.5 to 1 at least, what is drawn by 3 to 1 (WCAG 2.2, 1.4.3 and 1.4.11).
"""

from __future__ import annotations

import re

from reports.drawing import style

#: The colours of text, of the sheet that cards and pictures lie on, and of the ground below: day, night.
GROUNDS = {
    "ink": (style.INK, "#e6eaee"),
    "muted": (style.MUTED, "#9aa6b2"),
    "line": (style.FAINT, "#2f3841"),
    "sheet": (style.PAPER, "#1a2027"),
    "ground": ("#f5f6f7", "#12161b"),
    "edge": ("#c9d0d6", "#05080b"),
    "link": (style.LINK, "#7cbcea"),
    "warn-ink": ("#7a2e0a", "#f6c9a8"),
    "warn": ("#fdf0e6", "#33221a"),
    "warn-line": ("#dd6b2d", "#dd6b2d"),
}

#: What plots draw with.
DRAWN = {
    "ok": (style.OK, "#58a6dc"),
    "ok-deep": (style.OK_DEEP, "#bfe0f5"),
    "ok-pale": (style.OK_PALE, "#5b93b8"),
    "storm": (style.STORM, "#f0804a"),
    "limit": (style.LIMIT, "#f27a98"),
    "throttled": (style.OUTCOMES["throttled"], "#f0b440"),
    "overloaded": (style.OUTCOMES["overloaded"], "#ef8546"),
    "timeout": (style.OUTCOMES["timeout"], "#e2608a"),
    "deadline": (style.OUTCOMES["deadline"], "#b9587f"),
    "transient": (style.OUTCOMES["transient"], "#c08a63"),
    "malformed": (style.OUTCOMES["malformed"], "#cdbb3a"),
    "partial": (style.OUTCOMES["partial"], "#e3a9be"),
    "fatal": (style.OUTCOMES["fatal"], "#d3d8dc"),
    "local": (style.OUTCOMES["local"], "#93a0ab"),
    "rejected": (style.OUTCOMES["rejected"], "#76828d"),
    "cancelled": (style.OUTCOMES["cancelled"], "#a7b0b8"),
    "unknown": (style.UNKNOWN_OUTCOME, "#e588cd"),
    "naive": (style.PRESETS["naive"], "#b5ba4a"),
    "violet": (style.VIOLET, "#c08ad6"),
    "teal": (style.TEAL, "#3fc1ad"),
    "gold": (style.GOLD, "#e0a93a"),
}

#: Areas whose edge is drawn, or which stand for nothing: no reader has to tell them from the sheet.
FILLS = {
    "offered": (style.OFFERED, "#3b4650"),
    "closed": (style.BREAKER["closed"], "#2a3946"),
}

_NAMES = {day: f"var(--{name})" for name, (day, _) in {**FILLS, **DRAWN, **GROUNDS}.items()}
_COLOUR = re.compile(r"((?:fill|stroke): )(#[0-9a-f]{6})\b")


def variable(colour: str) -> str:
    """A colour as a page has it: its variable, or itself if it is the same day and night."""
    return _NAMES.get(colour, colour)


def themed(svg: str) -> str:
    """A drawing whose colours follow the page."""
    return _COLOUR.sub(lambda found: found[1] + variable(found[2]), svg)


def variables() -> str:
    """The variables, by day and by night, as CSS; paper is always day."""
    every = {**GROUNDS, **DRAWN, **FILLS}
    day = "".join(f"--{name}:{colour};" for name, (colour, _) in every.items())
    night = "".join(f"--{name}:{colour};" for name, (_, colour) in every.items())
    return f":root{{{day}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{night}}}}}\n"

"""Colours, and the look shared by all plots and pages.

Hues are told apart by people with any colour vision: ok is the only blue, failures run from amber to wine
and differ in lightness, what never reached the API is grey. These are the colours of the day; `theme` has
those of the night.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

INK = "#1f2933"
MUTED = "#5d6975"
FAINT = "#dde2e7"
PAPER = "#ffffff"

LINK = "#1d6496"

OK, OK_DEEP, OK_PALE = "#2374ab", "#0b3c5d", "#4f8fb8"
OFFERED = "#c3cad2"
STORM = "#cf5a22"
LIMIT = "#8f1d3f"
VIOLET, TEAL, GOLD = "#7a3b8f", "#13806f", "#a87400"

#: Of relative luminance (WCAG 2.2); text in black and in white stands out alike from what lies between.
_LINEAR, _WEIGHTS = 0.04045, (0.2126, 0.7152, 0.0722)
_MIDDLE = 0.181

#: Of text on a tile of a heat map, which is the same day and night.
ON_PALE, ON_DEEP = "#030507", "#fefeff"

OUTCOMES = {
    "ok": OK,
    "throttled": "#b97f0a",
    "overloaded": "#cc5a1e",
    "timeout": "#a3254f",
    "deadline": "#6b1839",
    "transient": "#8a5a3c",
    "malformed": "#8f8414",
    "partial": "#c2698c",
    "fatal": "#2b2b2b",
    "local": "#5d6770",
    "rejected": "#7e8994",
    "cancelled": "#868c92",
}
UNKNOWN_OUTCOME = "#c94fa0"

BREAKER = {"closed": "#dfe9f1", "half_open": OUTCOMES["throttled"], "open": OUTCOMES["timeout"]}

PRESETS = {"tuned": OK, "article": STORM, "naive": "#7a7f14"}
OTHERS = (VIOLET, TEAL, OUTCOMES["timeout"], OUTCOMES["local"], GOLD)


def outcome(name: str) -> str:
    """The colour of an outcome."""
    return OUTCOMES.get(name, UNKNOWN_OUTCOME)


def on_tile(red: float, green: float, blue: float) -> str:
    """Which of the two stands out from a tile more; its colour by parts from 0 to 1."""
    parts = (c / 12.92 if c <= _LINEAR else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue))
    luminance = sum(weight * part for weight, part in zip(_WEIGHTS, parts, strict=True))
    return ON_PALE if luminance > _MIDDLE else ON_DEEP


def runs(policies: Sequence[str]) -> list[str]:
    """A colour for each run: a preset keeps its own, once; the others take turns."""
    taken: list[str] = []
    spare = 0
    for policy in policies:
        colour = PRESETS.get(policy)
        if colour is None or colour in taken:
            colour = OTHERS[spare % len(OTHERS)]
            spare += 1
        taken.append(colour)
    return taken


def matplotlib_settings(text_pt: float) -> dict[Any, Any]:
    """What every figure is drawn with, its text of this size."""
    small_pt = text_pt - 0.5
    return {
        "font.family": "DejaVu Sans",
        "font.size": text_pt,
        "text.color": INK,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": MUTED,
        "axes.labelsize": small_pt,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "axes.titlesize": text_pt + 0.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "grid.color": FAINT,
        "grid.linewidth": 0.7,
        "xtick.color": FAINT,
        "ytick.color": FAINT,
        "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED,
        "xtick.labelsize": small_pt,
        "ytick.labelsize": small_pt,
        "xtick.minor.size": 3.5,
        "xtick.minor.pad": 3.5,
        "ytick.major.size": 0,
        "legend.frameon": False,
        "legend.fontsize": small_pt,
        "lines.linewidth": 1.7,
        "lines.solid_joinstyle": "round",
        # A dollar in a name is a dollar.
        "text.parse_math": False,
        # Text stays text: sharp at any size, and the page chooses its fonts.
        "svg.fonttype": "none",
        "svg.hashsalt": "primetime",
    }

"""Colours, and the look shared by all plots and pages.

Hues are told apart by people with any colour vision: ok is the only blue, failures run from amber to wine
and differ in lightness, what never reached the API is grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

INK = "#1f2933"
MUTED = "#66727f"
FAINT = "#dde2e7"
PAPER = "#ffffff"

OK = "#2374ab"
OFFERED = "#c3cad2"
STORM = "#d9632b"
LIMIT = "#8f1d3f"

OUTCOMES = {
    "ok": OK,
    "throttled": "#f0b440",
    "overloaded": "#dd6b2d",
    "timeout": "#a3254f",
    "deadline": "#6b1839",
    "transient": "#8a5a3c",
    "malformed": "#cdbb3a",
    "partial": "#d9a3b8",
    "fatal": "#2b2b2b",
    "local": "#5d6770",
    "rejected": "#9ba5ae",
    "cancelled": "#cfd5da",
}
UNKNOWN_OUTCOME = "#e377c2"

BREAKER = {"closed": "#dfe9f1", "half_open": "#f0b440", "open": "#a3254f"}

PRESETS = {"tuned": OK, "article": "#d9632b", "naive": "#8a8f1f"}
OTHERS = ("#7a3b8f", "#1b998b", "#a3254f", "#5d6770", "#c98a00")


def outcome(name: str) -> str:
    """The colour of an outcome."""
    return OUTCOMES.get(name, UNKNOWN_OUTCOME)


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


def matplotlib_settings() -> dict[Any, Any]:
    """What every figure is drawn with."""
    return {
        "font.family": "DejaVu Sans",
        "font.size": 9.0,
        "text.color": INK,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": MUTED,
        "axes.labelsize": 8.5,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "axes.titlesize": 9.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "grid.color": FAINT,
        "grid.linewidth": 0.7,
        "xtick.color": FAINT,
        "ytick.color": FAINT,
        "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "ytick.major.size": 0,
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "lines.linewidth": 1.7,
        "lines.solid_joinstyle": "round",
        # A dollar in a name is a dollar.
        "text.parse_math": False,
        # Text stays text: sharp at any size, and the page chooses its fonts.
        "svg.fonttype": "none",
        "svg.hashsalt": "primetime",
    }

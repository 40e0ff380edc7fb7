"""The pieces of self-contained pages, by one name: `from reports.drawing import page`."""

from __future__ import annotations

from reports.drawing.document import Part, banner, document, header
from reports.drawing.headline import headline, headlines
from reports.drawing.html import NOTHING, Html, element, join, text
from reports.drawing.plot import Plot, figure, plots
from reports.drawing.settings import definitions, flatten, folded
from reports.drawing.table import card, cards, note, swatch, table

__all__ = [
    "NOTHING",
    "Html",
    "Part",
    "Plot",
    "banner",
    "card",
    "cards",
    "definitions",
    "document",
    "element",
    "figure",
    "flatten",
    "folded",
    "header",
    "headline",
    "headlines",
    "join",
    "note",
    "plots",
    "swatch",
    "table",
    "text",
]

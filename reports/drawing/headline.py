"""The figures at the top of a page."""

from __future__ import annotations

from collections.abc import Sequence

from reports.drawing.html import NOTHING, Html, element, join


def headlines(shown: Sequence[tuple[str, str, str, str]]) -> Html:
    """Name, value, unit and note of each, four abreast."""
    return element("div", *(headline(*one) for one in shown), cls="figures")


def headline(name: str, value: str, unit: str, note: str) -> Html:
    """One of the figures at the top."""
    small = join((" ", element("small", unit))) if unit else NOTHING
    return element(
        "div",
        element("p", name, cls="name"),
        element("p", value, small, cls="value"),
        element("p", note, cls="of"),
    )

"""Tables that scroll by themselves where a screen is too narrow for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from reports.drawing import theme
from reports.drawing.html import NOTHING, Html, element


def table(
    caption: str,
    heading: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    words: int = -1,
    settings: bool = False,
) -> Html:
    """A table, whose first column names the rows; nothing where it would have no row.

    Column `words` holds prose and wraps; in a table of `settings` every column does.
    """
    body = [_row(row, words) for row in rows]
    if not body:
        return NOTHING
    head = element("tr", *(_heading(h, words=i == words) for i, h in enumerate(heading)))
    named = element("caption", element("span", caption))
    made = element("table", named, element("thead", head), element("tbody", *body))
    # What scrolls must be reached by keys, and say what it is.
    region = {"role": "region", "aria-label": caption, "tabindex": "0"}
    return element("div", made, cls="scroll settings" if settings else "scroll", attributes=region)


def card(*children: object, full: bool = False) -> Html:
    """A card around its children; none around nothing."""
    return element("div", *children, cls="card full" if full else "card") if any(children) else NOTHING


def cards(*some: Html) -> Html:
    """Cards two abreast, those that are `full` alone."""
    return element("div", *some, cls="tables")


def note(text: object) -> Html:
    """How to read what stands above."""
    return element("p", text, cls="note")


def swatch(colour: str) -> Html:
    """A small square of a plot's colour; the name beside it says the same."""
    return Html(f'<span class="swatch" style="background:{escape(theme.variable(colour))}"></span>')


def _heading(value: object, *, words: bool) -> Html:
    if value == "":
        return element("td")
    return element("th", value, cls="words" if words else "", attributes={"scope": "col"})


def _row(cells: Sequence[object], words: int) -> Html:
    first = element("th", *cells[:1], cls="words" if words == 0 else "", attributes={"scope": "row"})
    rest = (element("td", c, cls="words" if i == words else "") for i, c in enumerate(cells[1:], start=1))
    return element("tr", first, *rest)

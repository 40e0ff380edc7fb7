"""Pieces of a self-contained page. Every text is escaped here, so no caller has to remember it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from reports.drawing import canvas
from reports.drawing.stylesheet import CSS


class Html(str):
    """Markup that is safe as it stands."""

    __slots__ = ()


def text(value: object) -> Html:
    """Markup of any value: kept if it is markup, escaped if not."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def element(tag: str, *children: object, cls: str = "") -> Html:
    """One element around its children."""
    attributes = f' class="{escape(cls)}"' if cls else ""
    return Html(f"<{tag}{attributes}>{join(children)}</{tag}>")


def join(children: Iterable[object]) -> Html:
    """Children side by side."""
    return Html("".join(text(c) for c in children))


def document(title: str, *body: object) -> str:
    """A whole page. The policy forbids it to load or run anything, even what slipped into it."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        " style-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(text(b) for b in body)
        + "\n</main>\n</body>\n</html>\n"
    )


def header(title: str, *facts: object) -> Html:
    """The title, and under it what it is about."""
    return element("header", element("h1", title), element("p", *facts, cls="sub"))


def banner(heading: str, reasons: Sequence[str]) -> Html:
    """What a reader must know first; nothing when there is no reason."""
    if not reasons:
        return Html("")
    items = join(element("li", reason) for reason in reasons)
    return Html(f'<div class="banner" role="alert">{element("strong", heading)}{element("ul", items)}</div>')


def headline(name: str, value: str, unit: str, note: str) -> Html:
    """One of the figures at the top."""
    small = join((" ", element("small", unit))) if unit else Html("")
    return element(
        "div",
        element("p", name, cls="name"),
        element("p", value, small, cls="value"),
        element("p", note, cls="of"),
    )


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot on the page: `key` names it in ids, `full` gives it the whole width.

    Heights, in inches, are given where they follow from the data.
    """

    key: str
    title: str
    caption: str
    draw: canvas.Draw
    full: bool = False
    height_in: float | None = None
    phone_height_in: float | None = None


def figure(plot: Plot) -> Html:
    """A plot drawn twice, for wide screens and for phones: text in a picture does not reflow."""
    desk = _resized(canvas.WIDE if plot.full else canvas.HALF, plot.height_in)
    phone = _resized(canvas.PHONE, plot.phone_height_in or plot.height_in)
    label = escape(plot.title)
    pictures = [
        element("div", Html(canvas.svg(plot.draw, desk, f"{plot.key}-d", label)), cls="desk"),
        element("div", Html(canvas.svg(plot.draw, phone, f"{plot.key}-p", label)), cls="phone"),
    ]
    # In a figure the caption comes first here: it says how to read what follows.
    heading = element("figcaption", element("h2", plot.title), plot.caption)
    return element("figure", heading, *pictures, cls="full" if plot.full else "")


def table(
    caption: str, heading: Sequence[object], rows: Iterable[Sequence[object]], *, words: int = -1
) -> Html:
    """A table in a card; column `words` holds prose and wraps."""
    head = element("thead", element("tr", *(_cell("th", h, words=i == words) for i, h in enumerate(heading))))
    body = element(
        "tbody", *(element("tr", *(_cell("td", c, words=i == words) for i, c in enumerate(r))) for r in rows)
    )
    return element("div", element("table", element("caption", caption), head, body), cls="scroll")


def swatch(colour: str) -> Html:
    """A small square of a plot's colour."""
    return Html(f'<span class="swatch" style="background:{escape(colour)}"></span>')


def definitions(pairs: Iterable[tuple[str, object]]) -> Html:
    """Names and what they stand for."""
    return element("dl", *(join((element("dt", name), element("dd", value))) for name, value in pairs))


def folded(title: str, *children: object) -> Html:
    """A part the reader opens."""
    return element("details", element("summary", title), *children, cls="card")


def flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as dotted names and their values."""
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            pairs += flatten(value, f"{name}.")
        else:
            pairs.append((name, _setting(value)))
    return pairs


def _setting(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(_setting(v) for v in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cell(tag: str, value: object, *, words: bool) -> Html:
    return element(tag, value, cls="words" if words else "")


def _resized(size: canvas.Size, height_in: float | None) -> canvas.Size:
    return size if height_in is None else canvas.Size(size.width_in, height_in, size.ticks)

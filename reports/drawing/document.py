"""A whole page: what it is about, a way to each of its parts, the parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from reports.drawing.html import NOTHING, Html, element, join, text
from reports.drawing.stylesheet import stylesheet

#: Nothing is loaded and nothing runs, even if it slipped into the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page, which its contents lead to by `key`; left out where it has no body."""

    key: str
    title: str
    body: Html


def document(title: str, head: Sequence[Html], parts: Sequence[Part], foot: str) -> str:
    """A whole page: `head` stands before the parts, `foot` after them."""
    shown = [part for part in parts if part.body]
    body = [
        Html('<a class="skip" href="#main">Skip to the report</a>'),
        _contents(shown),
        element(
            "main", *head, *(_section(part) for part in shown), attributes={"id": "main", "tabindex": "-1"}
        ),
        element("footer", foot),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>{stylesheet()}</style>\n</head>\n<body>\n"
        + "\n".join(text(b) for b in body)
        + "\n</body>\n</html>\n"
    )


def header(title: str, *facts: object) -> Html:
    """The title, and under it what it is about."""
    return element("header", element("h1", title), element("p", *facts, cls="sub"))


def banner(heading: str, reasons: Sequence[str]) -> Html:
    """What a reader must know first; nothing when there is no reason."""
    if not reasons:
        return NOTHING
    items = join(element("li", reason) for reason in reasons)
    return element(
        "div",
        element("strong", heading),
        element("ul", items),
        cls="banner",
        attributes={"role": "alert"},
    )


def _contents(parts: Sequence[Part]) -> Html:
    links = [element("li", element("a", p.title, attributes={"href": f"#{p.key}"})) for p in parts]
    return element("nav", element("ul", *links), attributes={"aria-label": "Contents"})


def _section(part: Part) -> Html:
    named = f"{part.key}-title"
    heading = element("h2", part.title, attributes={"id": named})
    return element("section", heading, part.body, attributes={"id": part.key, "aria-labelledby": named})

"""Markup. Every text is escaped here, so no caller has to remember it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape


class Html(str):
    """Markup that is safe as it stands."""

    __slots__ = ()


NOTHING = Html("")


def text(value: object) -> Html:
    """Markup of any value: kept if it is markup, escaped if not."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def element(tag: str, *children: object, cls: str = "", attributes: Mapping[str, str] | None = None) -> Html:
    """One element around its children; values of attributes are escaped, too."""
    given = {**({"class": cls} if cls else {}), **(attributes or {})}
    written = "".join(f' {name}="{escape(value)}"' for name, value in given.items())
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[object]) -> Html:
    """Children side by side."""
    return Html("".join(text(c) for c in children))

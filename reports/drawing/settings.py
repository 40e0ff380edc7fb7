"""Settings and definitions, which a reader opens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reports.drawing.html import Html, element, join


def definitions(pairs: Iterable[tuple[str, object]]) -> Html:
    """Names and what they stand for."""
    return element("dl", *(join((element("dt", name), element("dd", value))) for name, value in pairs))


def folded(title: str, *children: object) -> Html:
    """A part the reader opens; paper shows it open."""
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
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value)

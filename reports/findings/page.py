"""Findings as they stand on pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.drawing import page
from reports.drawing.page import Html
from reports.findings.finding import Finding


def section(findings: Sequence[Finding]) -> Html:
    """Each finding with its evidence folded under it, problems first; nothing of none."""
    if not findings:
        return Html("")
    items = page.element("ul", *(_item(finding) for finding in findings), cls="findings")
    return page.element("div", items, cls="card")


def how_drawn(rules: Iterable[tuple[str, str]]) -> Html:
    """The rules in words, by the keys of what they find."""
    return page.folded("How findings are drawn", page.definitions(rules))


def _item(finding: Finding) -> Html:
    said, cls = _joined(finding.text), f"finding {finding.severity}"
    if not finding.evidence:
        return page.element("li", page.element("p", said), cls=cls)
    lines = [page.element("li", _joined(line)) for line in finding.evidence]
    evidence = page.element("ul", *lines, cls="evidence")
    return page.element("li", page.element("details", page.element("summary", said), evidence), cls=cls)


def _joined(text: str) -> str:
    """The text with every number on the line of its per cent sign."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")

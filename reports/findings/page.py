"""Findings as they stand on pages."""

from __future__ import annotations

from collections.abc import Sequence

from reports.drawing import page
from reports.drawing.page import Html
from reports.findings.finding import Finding
from reports.findings.rules import in_words


def section(findings: Sequence[Finding]) -> Html:
    """Each finding with its evidence folded under it, problems first; nothing of none."""
    if not findings:
        return Html("")
    items = page.element("ul", *(_item(finding) for finding in findings), cls="findings")
    return page.element("div", items, cls="card")


def how_drawn() -> Html:
    """The rules in words."""
    return page.folded("How findings are drawn", page.definitions(in_words()))


def _item(finding: Finding) -> Html:
    if not finding.evidence:
        return page.element("li", page.element("p", finding.text), cls=f"finding {finding.severity}")
    evidence = page.element("ul", *(page.element("li", line) for line in finding.evidence), cls="evidence")
    folded = page.element("details", page.element("summary", finding.text), evidence)
    return page.element("li", folded, cls=f"finding {finding.severity}")

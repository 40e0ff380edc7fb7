"""Findings for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from harness import terminal
from reports.findings.finding import Finding
from reports.telling import words

#: The terminal says what matters most; pages say all.
MOST_TOLD = 5

SIGNS = {"problem": "!", "note": "·", "good": "+"}


def in_lines(findings: Sequence[Finding], where: str) -> str:
    """The first findings, wrapped, each with its severity's sign; how many more there are, and where."""
    lines = [_wrapped(SIGNS[f.severity], words.clean(f.text)) for f in findings[:MOST_TOLD]]
    more = len(findings) - MOST_TOLD
    if more > 0:
        lines.append(f"  ({more} more, and the evidence of all, in {where})")
    return "\n".join(lines)


def _wrapped(sign: str, text: str) -> str:
    return textwrap.fill(
        text, terminal.columns(), initial_indent=f"{sign} ", subsequent_indent="  ", break_on_hyphens=False
    )

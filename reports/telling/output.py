"""What a command prints."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import terminal
from reports.summary.result import to_json

#: Lines that are to be seen, by how they begin.
MARKS = {
    **terminal.WARNINGS,
    "gate: pass": "good",
    "gate: regression": "error",
    "gate: inconclusive": "warning",
}


def show(text: str) -> None:
    """Text for people: what warns, and a verdict, in colour where the terminal has it."""
    print(terminal.emphasised(text, MARKS, sys.stdout))


def tell(options: argparse.Namespace, document: Any, text: str, written: Sequence[Path]) -> None:
    """JSON for machines, or the text and what was written for people."""
    if options.json:
        print(to_json(document).rstrip())
        return
    show(text)
    print(*(f"wrote {path}" for path in written), sep="\n")

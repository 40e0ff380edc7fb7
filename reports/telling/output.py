"""What a command prints."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.summary.result import to_json


def tell(options: argparse.Namespace, document: Any, text: str, written: Sequence[Path]) -> None:
    """JSON for machines, or the text and what was written for people."""
    if options.json:
        print(to_json(document).rstrip())
        return
    print(text)
    print(*(f"wrote {path}" for path in written), sep="\n")

"""What `sweep` and `tune` have in common: many cells, kept as they come."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from reports.commands.options import add_json

MOST_JOBS = 1024


def add(command: argparse.ArgumentParser) -> None:
    """Where results go, and how they are played."""
    command.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="where results go; run again to go on"
    )
    add_jobs(command, "at once (default: a core each)", cores())
    command.add_argument(
        "--real", action="store_true", help="replay the best in real time, beside the settings of today"
    )
    add_json(command)


def add_jobs(command: argparse.ArgumentParser, text: str, default: int | None) -> None:
    """How many cells are played at once."""
    command.add_argument("--jobs", metavar="N", type=_jobs, default=default, help=text)


def cores() -> int:
    """As many cells as there are cores."""
    return os.cpu_count() or 1


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_JOBS):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1 to {MOST_JOBS}")
    return int(text)

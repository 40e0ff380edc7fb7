"""The golden payloads: what the providers document, or were recorded to send (their sources: README.md)."""

import json
from pathlib import Path
from typing import Any

from tests.mockserver.server.events import Event, read_events

FOLDER = Path(__file__).parents[1] / "golden"


def golden_json(name: str) -> Any:
    """A body."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def golden_events(name: str) -> list[Event]:
    """A stream."""
    return read_events((FOLDER / f"{name}.txt").read_text(encoding="utf-8"))


def golden_headers(name: str) -> dict[str, str]:
    """Headers by name."""
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines)

"""Server-sent events as a test reads them: their names and their documents."""

import json
from dataclasses import dataclass
from typing import Any

DONE = "[DONE]"


@dataclass(frozen=True)
class Event:
    """One event: its name, if it has one, and its JSON document; `document` is None for OpenAI's last."""

    name: str | None
    document: dict[str, Any] | None


def read_events(text: str) -> list[Event]:
    """All events of a stream; each is lines of `event: ` and `data: `, and an empty line ends it."""
    assert text.endswith("\n\n")
    return [_event(block) for block in text.rstrip("\n").split("\n\n")]


def _event(block: str) -> Event:
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    assert fields.keys() <= {"event", "data"}
    data = fields["data"]
    return Event(fields.get("event"), None if data == DONE else json.loads(data))

"""Which wire format is meant."""

from __future__ import annotations

from harness.errors import ConfigError, nearest
from harness.wire.anthropic import ANTHROPIC
from harness.wire.base import Wire
from harness.wire.opaque import OPAQUE
from harness.wire.openai import OPENAI

_WIRES: dict[str, Wire] = {wire.name: wire for wire in (OPENAI, ANTHROPIC)}


def wire_named(name: str) -> Wire:
    """A format by its name. Raises ConfigError for an unknown one, naming the nearest known."""
    if name not in _WIRES:
        known = list(_WIRES)
        hint = nearest(name.lower(), known)
        raise ConfigError(f"unknown wire format {name!r}{hint}: expected one of {', '.join(known)}")
    return _WIRES[name]


def wire_for_path(path: str) -> Wire:
    """The format of the replies that a path of an API gives; OPAQUE for one that is not a chat."""
    path = path.partition("?")[0].rstrip("/")
    if "/threads/" in path:  # OpenAI's assistants have messages, too
        return OPAQUE
    return next((wire for wire in _WIRES.values() if path.endswith(wire.path)), OPAQUE)

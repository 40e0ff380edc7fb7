"""Which key goes to which host: one provider's is never sent to another's by default."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from harness.client.endpoint import WireName

#: Hosts (and all below them) with a variable of their own.
_OF_HOSTS = {
    "api.openai.com": "OPENAI_API_KEY",
    "api.anthropic.com": "ANTHROPIC_API_KEY",
    "holysheep.ai": "HOLYSHEEP_API_KEY",
}

#: Elsewhere, it is that of the format: as the SDKs have it.
_OF_WIRES: dict[WireName, str] = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}


@dataclass(frozen=True, slots=True)
class Key:
    """The variable that names a key, and the key if it is set."""

    variable: str
    value: str | None = field(repr=False)


def find_key(url: str, wire: WireName) -> Key:
    """The key for an address and a format, from the environment."""
    host = urlsplit(url).hostname or ""
    variable = next(
        (name for known, name in _OF_HOSTS.items() if host == known or host.endswith(f".{known}")),
        _OF_WIRES[wire],
    )
    return Key(variable, os.environ.get(variable) or None)

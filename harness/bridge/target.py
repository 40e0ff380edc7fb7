"""Where a scenario's requests go: this machine, or a real API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from harness.client.endpoint import Endpoint, WireName, check_address, without_user
from harness.client.keys import find_key
from harness.errors import ConfigError
from harness.wire.address import is_loopback

#: Stands in for a key where none is needed.
MOCK_KEY = "sk-primetime-mock"


@dataclass(frozen=True, slots=True)
class Target:
    """The API that a run calls: its `--host`, its format, and the model for calls that name none."""

    host: str
    wire: WireName
    model: str
    bundled: bool

    @property
    def base_url(self) -> str:
        """The API's base address."""
        return base_url(self.host)

    @property
    def real(self) -> bool:
        """Whether it is neither this machine nor a mock server of ours: what is sent may cost money."""
        return not self.bundled and not is_loopback(self.base_url)

    @property
    def shown(self) -> str:
        """The address, as it may be shown."""
        return without_user(self.host)

    @property
    def key_variable(self) -> str:
        """Where its key is looked for."""
        return find_key(self.base_url, self.wire).variable

    @property
    def key(self) -> str:
        """The key; a server on this machine gets a stand-in where none is set. Raises ConfigError."""
        if self.bundled:
            return MOCK_KEY
        found = find_key(self.base_url, self.wire)
        if found.value is None and self.real:
            raise ConfigError(f"{found.variable} is not set: it has to hold the key for --host {self.shown}")
        return found.value or MOCK_KEY

    @property
    def endpoint(self) -> Endpoint:
        """As the client has it. Raises ConfigError."""
        return Endpoint(self.base_url, self.key, self.wire)

    def document(self, profile: str) -> dict[str, Any]:
        """A manifest's `target`."""
        return {
            "host": self.shown,
            "bundled": self.bundled,
            "profile": profile if self.bundled else None,
            "real": self.real,
            "wire": self.wire,
            "model": self.model,
        }


def base_url(host: str) -> str:
    """The API's base address for a `--host`: `/v1` is added where the host names no path."""
    check_address("--host", host, "an address such as http://127.0.0.1:8000")
    return host.rstrip("/") + ("" if urlsplit(host).path.strip("/") else "/v1")


def address(host: str) -> tuple[str, int]:
    """Host name and port of a `--host`."""
    parts = urlsplit(host)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

"""Where a queue's server is, and how it may be shown: never with its password."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from harness.errors import ConfigError

SCHEMES = ("redis", "rediss", "unix")

#: A machine that is gone without a word is noticed after two minutes of silence: TCP asks after one, and four
#: times in all. macOS has a name of its own for the first.
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPALIVE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}

_WHAT = "expected redis://[:PASSWORD@]HOST[:PORT][/DB], rediss:// the same over TLS, or unix:///PATH"


@dataclass(frozen=True, slots=True)
class Address:
    """A server's URL; `shown` is what errors and logs may say of it."""

    url: str = field(repr=False)
    shown: str

    @property
    def options(self) -> dict[str, Any]:
        """What coredis has to be told beside the URL: with rediss:// the server's certificate is checked."""
        options: dict[str, Any] = {"decode_components": True, "connect_timeout": 5}
        parts = urlsplit(self.url)
        if parts.scheme != "unix":
            here = {getattr(socket, name): n for name, n in KEEPALIVE.items() if hasattr(socket, name)}
            options |= {"socket_keepalive": True, "socket_keepalive_options": here}
        if parts.scheme == "rediss":
            authorities = parse_qs(parts.query).get("ssl_ca_certs", [None])[0]
            options["ssl_context"] = ssl.create_default_context(cafile=authorities)
        return options


def address_of(url: str) -> Address:
    """A URL, if it can be a server's. Raises ConfigError, which does not show a password."""
    try:
        parts = urlsplit(url)
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        if parts.scheme not in SCHEMES:
            raise ConfigError(
                f"the URL of the queue's server begins with {parts.scheme or 'nothing'!r}: {_WHAT}"
            )
        if parts.scheme == "unix" and not parts.path.startswith("/"):
            raise ConfigError(f"{shown}: {_WHAT}")
        if parts.scheme != "unix" and not (parts.hostname and _is_number(parts.path.strip("/"))):
            raise ConfigError(f"{shown}: {_WHAT}")
        _ = parts.port  # raises ValueError
    except ValueError as error:
        raise ConfigError(f"the URL of the queue's server cannot be read: {_WHAT}") from error
    return Address(url, shown)


def _is_number(path: str) -> bool:
    return not path or (path.isascii() and path.isdigit())

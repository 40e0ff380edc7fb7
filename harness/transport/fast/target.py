"""Where a request goes, and its head as bytes."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from harness.model import Fault, Outcome
from harness.transport.base import HttpRequest, TransportError

#: Addresses kept parsed: a client has a few.
MOST_KEPT = 256

#: Headers that are the transport's to decide.
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})


@dataclass(frozen=True, slots=True)
class Origin:
    """What a connection is made to."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True)
class Target:
    """An address, parsed: its origin, and the head of a request from the path to the host."""

    origin: Origin
    line: bytes


class Targets:
    """Parses addresses, each once."""

    def __init__(self) -> None:
        self._known: dict[str, Target] = {}

    def of(self, url: str) -> Target:
        """The target of an address. Raises TransportError for one that is none."""
        target = self._known.get(url)
        if target is None:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            target = self._known[url] = _parse(url)
        return target


def encode_head(target: Target, request: HttpRequest, more: bytes) -> bytes:
    """The head of a request with its empty line; `more` are the transport's own header lines, each ended.

    Raises TransportError for a header that does not fit on a line of its own.
    """
    lines = [f"{name}: {value}\r\n" for name, value in request.headers.items() if name.lower() not in OURS]
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines):
        raise _unsendable("a header contains a line break")
    try:
        return b"%b %b%b%bcontent-length: %d\r\n\r\n" % (
            request.method.encode("ascii"),
            target.line,
            text.encode("latin-1"),
            more,
            len(request.content),
        )
    except UnicodeEncodeError:
        raise _unsendable("the method or a header cannot be written in Latin-1") from None


def _parse(url: str) -> Target:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _unsendable(f"not an address: {error}") from error
    if address.scheme not in {"http", "https"} or not address.host:
        raise _unsendable("not an address that begins with http:// or https://")
    tls = address.scheme == "https"
    origin = Origin(address.raw_host.decode("ascii"), address.port or (443 if tls else 80), tls)
    return Target(origin, b"%b HTTP/1.1\r\nhost: %b\r\n" % (address.raw_path, address.netloc))


def _unsendable(why: str) -> TransportError:
    return TransportError(Outcome.FATAL, Fault.PROTOCOL, why)

"""Where a request goes, and its head as bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from harness.model import Fault, Outcome
from harness.transport.base import USER_AGENT, HttpRequest, TransportError

#: Addresses kept parsed: a client has a few.
MOST_KEPT = 256

PORTS = range(1, 1 << 16)

#: Headers that are the transport's to decide.
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})


# RFC 9110, sections 5.1 and 5.5.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINES = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\r\n\0]*\r\n)*")


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """What a connection is made to; one object each, so that it is found by identity."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True)
class Target:
    """An address, parsed: its origin, and the head of a request from the path to the host."""

    origin: Origin
    line: bytes


class Heads:
    """Parses addresses and writes the heads of requests; what many requests share, once.

    `own` are the transport's own header lines, each ended.
    """

    def __init__(self, own: bytes) -> None:
        self._own = own
        self._targets: dict[str, Target] = {}
        self._origins: dict[tuple[str, int, bool], Origin] = {}
        self._methods: dict[str, bytes] = {}
        self._headers: Mapping[str, str] = {}
        self._lines = own

    def target(self, url: str) -> Target:
        """Where an address leads. Raises TransportError for one that is none."""
        target = self._targets.get(url)
        if target is None:
            if len(self._targets) >= MOST_KEPT:
                self._targets.clear()
            target = self._targets[url] = self._parse(url)
        return target

    def head(self, target: Target, request: HttpRequest) -> bytes:
        """The head of a request with its empty line.

        Raises TransportError for a header that does not fit on a line of its own. Headers are written once
        where one request after the other carries the very same mapping.
        """
        if request.headers is not self._headers:
            self._lines = _encode(request.headers) + self._own
            self._headers = request.headers
        method = self._methods.get(request.method) or self._method(request.method)
        return b"%b %b%bcontent-length: %d\r\n\r\n" % (
            method,
            target.line,
            self._lines,
            len(request.content),
        )

    def _method(self, method: str) -> bytes:
        if not _TOKEN.fullmatch(method):
            raise _unsendable("the method is no token of HTTP")
        return self._methods.setdefault(method, method.encode("ascii"))

    def _parse(self, url: str) -> Target:
        try:
            address = httpx.URL(url)
            address.raw_host.decode("ascii").encode("idna")  # as it is looked up; some hosts cannot be
        except (httpx.InvalidURL, UnicodeError) as error:
            raise _unsendable(f"not an address: {error}") from error
        if address.scheme not in {"http", "https"} or not address.host:
            raise _unsendable("not an address that begins with http:// or https://")
        tls = address.scheme == "https"
        port = (443 if tls else 80) if address.port is None else address.port
        if port not in PORTS:
            raise _unsendable(f"not an address: port {port}")
        key = (address.raw_host.decode("ascii"), port, tls)
        origin = self._origins.setdefault(key, Origin(*key))
        return Target(origin, b"%b HTTP/1.1\r\nhost: %b\r\n" % (address.raw_path, address.netloc))


def _encode(headers: Mapping[str, str]) -> bytes:
    """Header lines, and a user agent where they name none."""
    known = {name.lower(): value for name, value in headers.items()}
    known.setdefault("user-agent", USER_AGENT)
    lines = [f"{name}: {value}\r\n" for name, value in known.items() if name not in OURS]
    text = "".join(lines)
    if not _LINES.fullmatch(text) or text.count("\n") != len(lines):
        raise _unsendable("a header has a name that is no token of HTTP, or a line break or NUL in its value")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise _unsendable("a header cannot be written in Latin-1") from None


def _unsendable(why: str) -> TransportError:
    return TransportError(Outcome.FATAL, Fault.PROTOCOL, why)

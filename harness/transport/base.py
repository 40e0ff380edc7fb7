"""The seam: what the client needs of anything that carries a request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import msgspec

from harness.errors import HarnessError
from harness.model import Fault, Outcome

#: How long an idle connection is kept.
KEEPALIVE_S = 30.0

USER_AGENT = "primetime"


class HttpRequest(msgspec.Struct, frozen=True, gc=False):
    """One request, ready for the wire."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes

    def __repr__(self) -> str:
        """Without the headers: a key stands in them."""
        return f"HttpRequest({self.method!r}, {self.url!r}, {len(self.content)} bytes)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As `__repr__`: msgspec's own shows every field."""
        return [("method", self.method), ("url", self.url)]


class TransportError(HarnessError):
    """The exchange failed below HTTP; `outcome` and `fault` are the same on every transport.

    `code` names what a caller may have to tell apart, as a provider's error code does.
    """

    def __init__(self, outcome: Outcome, fault: Fault, detail: str, code: str | None = None) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.fault = fault
        self.code = code


class HttpResponse(Protocol):
    """A reply whose body has not been read."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, found by lower-case name."""

    @property
    def read_ns(self) -> int | None:
        """When the socket was read for the last chunk given, or for the head; None where nobody can tell."""

    def header_lines(self) -> list[tuple[str, str]]:
        """Every header as it came, repeated ones apart."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises TransportError."""

    async def aclose(self) -> None:
        """Give the connection back, or drop it when the body was not read to its end."""


class Transport(Protocol):
    """Opens requests. Raises TransportError and nothing else of its own; cancellation passes through."""

    async def open(self, request: HttpRequest) -> HttpResponse:
        """Send the request, wait for status and headers."""

    async def aclose(self) -> None:
        """Close all connections."""

"""The seam: what the client needs of anything that carries a request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from harness.errors import HarnessError
from harness.model import Fault, Outcome


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, ready for the wire."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes


class TransportError(HarnessError):
    """The exchange failed below HTTP; `outcome` and `fault` are the same on every transport."""

    def __init__(self, outcome: Outcome, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.fault = fault


class HttpResponse(Protocol):
    """A reply whose body has not been read."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, found by lower-case name."""

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

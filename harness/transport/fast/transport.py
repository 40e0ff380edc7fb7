"""The transport for generating load, at a fraction of what httpx costs.

HTTP/1.1 only, no proxies, no redirects, no compression. Everything else of the contract is that of the httpx
transport, and tests/harness/transport holds both to it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from functools import cached_property

from harness import clock
from harness.model import Fault, Outcome
from harness.policy.config import ConnectionsConfig
from harness.transport.base import USER_AGENT, HttpRequest, HttpResponse, TransportError
from harness.transport.fast.connection import Connection
from harness.transport.fast.pool import Pool
from harness.transport.fast.target import Targets, encode_head

_KEEP = b"accept-encoding: identity\r\n"
_CLOSE = _KEEP + b"connection: close\r\n"
_AGENT = f"user-agent: {USER_AGENT}\r\n".encode()


class FastResponse:
    """A reply whose head has arrived; holds its connection until it is closed."""

    def __init__(self, connection: Connection, pool: Pool) -> None:
        self.status = connection.status
        self.read_ns: int | None = connection.headers_ns
        self._lines = connection.lines
        self._connection: Connection | None = connection
        self._turn = connection.turn
        self._pool = pool

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Headers by lower-case name; repeated ones joined by commas."""
        found: dict[str, str] = {}
        for name, value in self.header_lines():
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found

    def header_lines(self) -> list[tuple[str, str]]:
        """Every header as it came, but for its name in lower case."""
        return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self._lines]

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, a chunk a read of the socket; `read_ns` is the instant of the last one given."""
        connection = self._connection
        while connection is not None and (found := await connection.read(self._turn)) is not None:
            data, self.read_ns = found
            yield data

    async def aclose(self) -> None:
        """Give the connection back, or drop it when the body was not read to its end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(connection)


class FastTransport:
    """Carries requests on connections of its own; for use from one event loop."""

    def __init__(self, connections: ConnectionsConfig, now_ns: Callable[[], int] = clock.now_ns) -> None:
        self._pool = Pool(connections, now_ns)
        self._targets = Targets()
        self._more = _KEEP if connections.reuse else _CLOSE

    async def open(self, request: HttpRequest) -> HttpResponse:
        """Send the request, wait for status and headers."""
        target = self._targets.of(request.url)
        more = self._more if "user-agent" in request.headers else self._more + _AGENT
        head = encode_head(target, request, more)
        connection = await self._pool.take(target.origin)
        try:
            connection.send(head + request.content)
            await connection.head()
            _check_encoding(connection)
        except BaseException:
            connection.drop()
            self._pool.give_back(connection)
            raise
        return FastResponse(connection, self._pool)

    async def aclose(self) -> None:
        """Close all connections."""
        self._pool.close()


def build(connections: ConnectionsConfig) -> FastTransport:
    """The transport for a policy's connections. `pool` is not used: it has a pool of its own."""
    return FastTransport(connections)


def _check_encoding(connection: Connection) -> None:
    for name, value in connection.lines:
        if name.lower() == b"content-encoding" and value.strip().lower() != b"identity":
            said = value.decode("latin-1")
            raise TransportError(
                Outcome.TRANSIENT, Fault.PROTOCOL, f"content-encoding: {said}: it was asked for none"
            )

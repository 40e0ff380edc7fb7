"""The transport for generating load, at a fraction of what httpx costs.

HTTP/1.1 only, no proxies, no redirects, no compression. Everything else of the contract is that of the httpx
transport, and tests/harness/transport holds both to it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from harness import clock
from harness.model import Fault, Outcome
from harness.policy.config import ConnectionsConfig
from harness.transport.base import HttpRequest, HttpResponse, TransportError
from harness.transport.fast.connection import Connection
from harness.transport.fast.dial import Dialler
from harness.transport.fast.target import Heads, Origin
from harness.transport.pool import Pool

_KEEP = b"accept-encoding: identity\r\n"
_CLOSE = _KEEP + b"connection: close\r\n"


class FastResponse:
    """A reply whose head has arrived; holds its connection until it is closed."""

    __slots__ = ("_connection", "_lines", "_pool", "_turn", "headers", "read_ns", "status")

    def __init__(self, connection: Connection, pool: Pool[Origin, Connection]) -> None:
        self.status = connection.status
        self.read_ns: int | None = connection.headers_ns
        self._lines = connection.lines
        self._connection: Connection | None = connection
        self._turn = connection.turn
        self._pool = pool
        self.headers = dict(self.header_lines())
        if len(self.headers) < len(self._lines):
            self.headers = _joined(self.header_lines())
        encoding = self.headers.get("content-encoding", "identity")
        if encoding.lower() not in {"", "identity"}:
            what = f"content-encoding: {encoding}: it was asked for none"
            raise TransportError(Outcome.TRANSIENT, Fault.PROTOCOL, what)

    def header_lines(self) -> list[tuple[str, str]]:
        """Every header as it came, but for its name in lower case."""
        # httptools leaves spaces at the end of a value.
        return [
            (name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t"))
            for name, value in self._lines
        ]

    def chunks(self) -> AsyncIterator[bytes]:
        """The body, a chunk a read of the socket; `read_ns` is the instant of the last one given."""
        return self

    # No generator: asyncio keeps a list of those, and to be on it costs more than to read a chunk.
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        connection = self._connection
        if connection is None or (found := await connection.read(self._turn)) is None:
            raise StopAsyncIteration
        data, self.read_ns = found
        return data

    async def aclose(self) -> None:
        """Give the connection back, or drop it when the body was not read to its end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(connection)


class FastTransport:
    """Carries requests on connections of its own; for use from one event loop."""

    def __init__(self, connections: ConnectionsConfig, now_ns: Callable[[], int] = clock.now_ns) -> None:
        self._pool: Pool[Origin, Connection] = Pool(connections, Dialler(connections, now_ns))
        self._heads = Heads(_KEEP if connections.reuse else _CLOSE)

    async def open(self, request: HttpRequest) -> HttpResponse:
        """Send the request, wait for status and headers."""
        target = self._heads.target(request.url)
        head = self._heads.head(target, request)
        connection = await self._pool.take(target.origin)
        try:
            connection.send(head + request.content)
            await connection.head()
            return FastResponse(connection, self._pool)
        except BaseException:
            connection.drop()
            self._pool.give_back(connection)
            raise

    async def aclose(self) -> None:
        """Close all connections."""
        self._pool.close()


def build(connections: ConnectionsConfig) -> FastTransport:
    """The transport for a policy's connections. `pool` is not used: it has a pool of its own."""
    return FastTransport(connections)


def _joined(lines: list[tuple[str, str]]) -> dict[str, str]:
    """Repeated headers joined by commas, as RFC 9110 reads them (section 5.3)."""
    found: dict[str, str] = {}
    for name, value in lines:
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found

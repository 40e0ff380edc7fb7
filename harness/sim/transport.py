"""The transport that plays a provider inside the process, in virtual time.

The client above it is the one that ships: connections are pooled, reused, awaited and timed out here as its
policy's `connections` say, and everything else it does is its own code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from harness.model import Fault, Outcome
from harness.policy.config import ConnectionsConfig
from harness.sim.connection import SimConnection, SimResponse
from harness.sim.linux import SYN_WAITS_S, wheel
from harness.sim.loop import VirtualLoop
from harness.sim.provider import Knock, Provider
from harness.transport.base import HttpRequest, HttpResponse, TransportError
from harness.transport.pool import Keeps, Pool, unconnected

#: There is one server.
_PLACE = "provider"


class SimTransport:
    """Carries requests to a provider; for use on one virtual loop."""

    def __init__(self, connections: ConnectionsConfig, provider: Provider) -> None:
        self._settings = connections
        self._provider = provider
        self._loop: VirtualLoop | None = None
        self._pool: Pool[str, SimConnection] = Pool(connections, self._dial, _keeps(connections))

    async def open(self, request: HttpRequest) -> HttpResponse:
        """Send the request, wait for status and headers."""
        connection = await self._pool.take(_PLACE)
        try:
            connection.send(request)
            await connection.until_head()
            return SimResponse(connection, self._pool.give_back)
        except BaseException:
            connection.drop()
            self._pool.give_back(connection)
            raise

    async def aclose(self) -> None:
        """Close all connections."""
        self._pool.close()

    async def _dial(self, _: str, lost: Callable[[SimConnection], None]) -> SimConnection:
        """A connection, after as many SYNs as it takes within the connect timeout."""
        made = SimConnection(self._provider, self._settings.read_timeout_s, lost, self._virtual())
        knock, most_s = self._provider.connect(made), self._settings.connect_timeout_s
        if knock is Knock.DROPPED:
            try:
                knock = await self._knock_again(made, most_s)
            finally:
                if knock is Knock.DROPPED:  # by now nobody knocks for it any more
                    self._provider.left(made)
        match knock:
            case Knock.OPENED:
                return made
            case Knock.REFUSED:
                raise TransportError(Outcome.TRANSIENT, Fault.CONNECT, "the connection was refused")
            case Knock.RESET:
                raise TransportError(Outcome.TRANSIENT, Fault.CONNECT, "the server reset the new connection")
            case Knock.DROPPED:
                raise unconnected(_PLACE, TimeoutError(), most_s)

    async def _knock_again(self, made: SimConnection, most_s: float) -> Knock:
        """The kernel's repetitions; those of a slot of its wheel arrive in the same instant."""
        loop = self._virtual()
        give_up_s = loop.time() + most_s
        for wait_s in SYN_WAITS_S:
            at_s = wheel(loop.time(), wait_s)
            if at_s > give_up_s:
                break
            await asyncio.sleep(at_s - loop.time())
            knock = self._provider.connect(made)
            if knock is not Knock.DROPPED:
                return knock
        await asyncio.sleep(max(0.0, give_up_s - loop.time()))
        return Knock.DROPPED

    def _virtual(self) -> VirtualLoop:
        """The loop; raises TypeError on one whose time is real."""
        if self._loop is None:
            loop = asyncio.get_running_loop()
            if not isinstance(loop, VirtualLoop):
                raise TypeError(f"SimTransport on {loop!r}: expected code started by harness.sim.loop.run")
            self._loop = loop
        return self._loop


def _keeps(connections: ConnectionsConfig) -> Keeps:
    """Which idle connections the pool that the policy asks for would keep.

    aiohttp's has no bound of its own. httpx's closes an idle one while there are more than `keepalive` of
    any kind (httpcore's AsyncConnectionPool counts those in use, too).
    """
    if connections.pool == "aiohttp":
        return lambda _idle, _open: True
    return lambda _idle, open_: open_ <= connections.keepalive

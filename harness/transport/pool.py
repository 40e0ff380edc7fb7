"""Connections of one client: at most so many in use, idle ones kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, Protocol, TypeVar

from harness.model import Fault, Outcome
from harness.policy.config import ConnectionsConfig
from harness.transport.base import KEEPALIVE_S, TransportError


class Pooled(Protocol):
    """What the pool needs of a connection."""

    closed: bool
    heard_s: float  # when bytes last came, on the loop's clock

    @property
    def reusable(self) -> bool:
        """Whether another request can be sent."""

    def pending(self) -> bool:
        """Whether something has come that nobody asked for, or its end."""

    def drop(self) -> None:
        """Close at once."""


Connection = TypeVar("Connection", bound=Pooled)
Place = TypeVar("Place", bound=Hashable)

#: Opens a connection to a place; the function it is given is to be called once when that is gone.
Dial = Callable[[Place, Callable[[Connection], None]], Awaitable[Connection]]

#: Whether a connection that is given back is kept, where so many are idle and so many there are at all.
Keeps = Callable[[int, int], bool]


class Pool(Generic[Place, Connection]):
    """Takes out connections and takes them back. `connections` bounds how many, how long, and waiting.

    Who finds all in use waits in line, for `read_timeout_s` at the longest. `dial` raises TransportError.
    """

    def __init__(
        self, connections: ConnectionsConfig, dial: Dial[Place, Connection], keeps: Keeps | None = None
    ) -> None:
        self._settings = connections
        self._dial = dial
        self._keeps = keeps or (lambda idle, _: idle < connections.keepalive)
        self._idle: dict[Place, list[Connection]] = {}
        self._idle_count = 0
        self._places: dict[Connection, Place] = {}  # of every connection there is
        self._dialling = 0
        self._in_use = 0
        # A dict is an ordered set: first in, first out, and one who gives up is removed at once.
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def take(self, place: Place) -> Connection:
        """A connection to the place. Raises TransportError. Give every one back."""
        if self._in_use < self._settings.max:
            self._in_use += 1
        else:
            await self._turn()
        try:
            return self._kept(place) or await self._connected(place)
        except BaseException:
            self._leave()
            raise

    def give_back(self, connection: Connection) -> None:
        """Keep the connection where it can be used again, else drop it."""
        wanted = (
            self._settings.reuse
            and not self._closed
            and self._keeps(self._idle_count, len(self._places) + self._dialling)
        )
        if wanted and connection.reusable:
            self._keep(connection)
        else:
            connection.drop()
        self._leave()

    def close(self) -> None:
        """Drop every connection, and open no more."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._places):
            connection.drop()

    def _keep(self, connection: Connection) -> None:
        self._idle.setdefault(self._places[connection], []).append(connection)
        self._idle_count += 1
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(KEEPALIVE_S, self._expire)

    def _kept(self, place: Place) -> Connection | None:
        """The idle connection that was used last."""
        kept = self._idle.get(place)
        while kept:
            connection = kept.pop()
            self._idle_count -= 1
            if connection.reusable and not connection.pending():
                return connection
            connection.drop()
        return None

    async def _connected(self, place: Place) -> Connection:
        if self._closed:
            raise _closed()
        if len(self._places) + self._dialling >= self._settings.max:  # idle ones to elsewhere fill the bound
            self._drop_oldest()
        self._dialling += 1
        try:
            made = await self._dial(place, self._lost)
        finally:
            self._dialling -= 1
        if not made.closed:  # else it was lost before it came here, and nobody would tell again
            self._places[made] = place
        if self._closed:  # in the meantime
            made.drop()
            raise _closed()
        return made

    async def _turn(self) -> None:
        """Wait until a connection may be taken out: who gives one back passes the leave on."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        try:
            async with asyncio.timeout(self._settings.read_timeout_s):
                await turn
        except BaseException as error:
            if self._waiting.pop(turn, self) is self and not turn.cancelled():
                self._leave()  # the leave came in the very turn in which we gave up
            if not isinstance(error, TimeoutError):
                raise
            what = f"all {self._settings.max} connections are in use"
            raise TransportError(Outcome.LOCAL, Fault.POOL, what) from None

    def _leave(self) -> None:
        """One less in use, unless somebody waits for just that."""
        while self._waiting:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            if not turn.done():
                turn.set_result(None)
                return
        self._in_use -= 1

    def _lost(self, connection: Connection) -> None:
        place = self._places.pop(connection, None)
        kept = self._idle.get(place) if place else None
        if kept and connection in kept:
            self._unkeep(kept, connection)

    def _unkeep(self, kept: list[Connection], connection: Connection) -> None:
        kept.remove(connection)
        self._idle_count -= 1

    def _drop_oldest(self) -> None:
        idle = [connection for kept in self._idle.values() for connection in kept]
        if idle:
            oldest = min(idle, key=lambda connection: connection.heard_s)
            self._unkeep(self._idle[self._places[oldest]], oldest)
            oldest.drop()

    def _expire(self) -> None:
        """Drop what has been idle for too long."""
        loop = asyncio.get_running_loop()
        self._sweep = None
        for kept in self._idle.values():
            for connection in [c for c in kept if c.heard_s + KEEPALIVE_S <= loop.time()]:
                self._unkeep(kept, connection)
                connection.drop()
        first = min((c.heard_s for kept in self._idle.values() for c in kept), default=None)
        if first is not None:
            self._sweep = loop.call_at(first + KEEPALIVE_S, self._expire)


def unconnected(where: str, error: OSError, most_s: float) -> TransportError:
    """What a failed connect is to the caller."""
    what = f"no connection to {where}"
    if isinstance(error, TimeoutError):
        return TransportError(Outcome.TIMEOUT, Fault.CONNECT_TIMEOUT, f"{what} within {most_s:g} s")
    return TransportError(Outcome.TRANSIENT, Fault.CONNECT, f"{what}: {error}")


def _closed() -> TransportError:
    return TransportError(Outcome.LOCAL, Fault.POOL, "the transport is closed")

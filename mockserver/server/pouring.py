"""Bytes on their way to a caller who may read slowly, have left, or be meant to get them in drops."""

from mockserver.clock import Clock
from mockserver.server.drip import Drip
from mockserver.server.exchange import Exchange


class Pouring:
    """The bytes of one reply. What is held back when the caller does not read stays bounded."""

    __slots__ = ("_drip", "_exchange")

    def __init__(self, exchange: Exchange, clock: Clock, bytes_per_s: float | None) -> None:
        self._exchange = exchange
        self._drip = None if bytes_per_s is None else Drip(exchange, clock, bytes_per_s)

    def head(self, head: bytes, *, half: bool) -> None:
        """The head goes out at once, whatever becomes of the body."""
        self._exchange.connection.send(head[: len(head) // 2] if half else head)

    async def send(self, data: bytes) -> bool:
        """Send a part of the body; False when there is nobody to send it to, which is nothing wrong."""
        exchange = self._exchange
        if self._drip is not None:
            self._drip.put(data)
            return not exchange.connection.lost
        connection = exchange.connection
        while connection.blocked and not connection.lost and not exchange.ended_early:
            await exchange.wait(None)
        if connection.lost or exchange.ended_early:
            return False
        if data:
            connection.send(data)
        return True

    async def settled(self) -> bool:
        """Wait until all that drips has been sent; False when it was cut, or nobody was there to take it."""
        return self._exchange.cut is None if self._drip is None else await self._drip.settled()

"""A body that arrives in drops."""

import asyncio

from mockserver.clock import Clock
from mockserver.server.exchange import Exchange
from mockserver.units import US_PER_S

# A drop is at least one byte, and at most what is due in this time.
DROP_US = 20_000


class Drip:
    """Sends what it is given at a steady rate; `settled` waits until all of it has left, or nobody waits."""

    def __init__(self, exchange: Exchange, clock: Clock, bytes_per_s: float) -> None:
        self._exchange = exchange
        self._clock = clock
        self._drop = max(1, round(bytes_per_s * DROP_US / US_PER_S))
        self._pause_us = round(self._drop / bytes_per_s * US_PER_S)
        self._bytes = bytearray()
        self._task: asyncio.Task[None] | None = None

    def put(self, data: bytes) -> None:
        self._bytes += data
        if self._task is None and self._bytes:
            self._task = asyncio.get_running_loop().create_task(self._pour())

    async def settled(self) -> bool:
        """False when the caller had left, or was cut off, before all was sent."""
        if self._task is not None:
            await self._task
        return not self._bytes

    async def _pour(self) -> None:
        due_us = self._clock.now_us()
        while self._bytes and self._wanted:
            self._exchange.connection.send(bytes(self._bytes[: self._drop]))
            del self._bytes[: self._drop]
            due_us += self._pause_us
            while self._wanted and self._clock.now_us() < due_us:
                await self._exchange.wait(due_us)
        self._task = None

    @property
    def _wanted(self) -> bool:
        return not self._exchange.connection.lost and self._exchange.cut is None

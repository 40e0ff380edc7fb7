"""Callers that cost little: their requests are ready as bytes, their replies are counted and not read.

They keep their connections, and each has one request under way. A connection that is lost is opened again.
"""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

#: The next request, or None when there are no more.
Source = Callable[[], bytes | None]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_STATUS = slice(9, 12)


@dataclass(slots=True)
class Tally:
    """Whole replies of status 200, others, and requests whose connection ended before their reply did."""

    served: int = 0
    refused: int = 0
    lost: int = 0

    @property
    def ended(self) -> int:
        return self.served + self.refused + self.lost


class ReplyEnd:
    """Finds the end of one reply, which nothing follows: it has a length, or comes in chunks."""

    __slots__ = ("_chunked", "_head", "_left", "_tail", "status")

    def __init__(self) -> None:
        self.status = b""
        self._head: bytes | None = b""
        self._chunked = False
        self._left = 0
        self._tail = b""

    def feed(self, data: bytes) -> bool:
        """Whether the reply is complete."""
        if self._head is not None:
            data = self._head + data
            end = data.find(_HEAD_END)
            if end < 0:
                self._head = data
                return False
            length = _LENGTH.search(data, 0, end)
            self.status, self._head = data[_STATUS], None
            self._chunked, self._left = length is None, int(length[1]) if length else 0
            # The line end before the body may be that before its last chunk.
            data = data[end + 2 :] if self._chunked else data[end + 4 :]
        if self._chunked:
            self._tail = (self._tail + data)[-len(_LAST_CHUNK) :]
            return self._tail == _LAST_CHUNK
        self._left -= len(data)
        return self._left <= 0


class Caller(asyncio.Protocol):
    """One connection after the other, until there are no more requests; `over` is resolved then."""

    def __init__(self, port: int, source: Source, tally: Tally, leave_every: int | None) -> None:
        self._port = port
        self._source = source
        self._tally = tally
        self._leave_every = leave_every
        self._asked = 0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._reply: ReplyEnd | None = None
        self._connecting: asyncio.Task[object] | None = None
        self.over: asyncio.Future[None] = self._loop.create_future()

    def connect(self) -> None:
        self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await self._loop.create_connection(lambda: self, "127.0.0.1", self._port)
        except OSError as error:
            if not self.over.done():
                self.over.set_exception(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from neither
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._reply is None or not self._reply.feed(data):
            return
        if self._reply.status == b"200":
            self._tally.served += 1
        else:
            self._tally.refused += 1
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it went
        if self._reply is not None:
            self._tally.lost += 1
        if not self.over.done():
            self.connect()

    def _ask(self) -> None:
        request = self._source()
        if request is None:
            self._reply = None
            if not self.over.done():
                self.over.set_result(None)
            self._transport.close()
            return
        self._reply = ReplyEnd()
        self._transport.write(request)
        self._asked += 1
        if self._leave_every is not None and self._asked % self._leave_every == 0:
            self._transport.close()


async def drive(port: int, connections: int, source: Source, *, leave_every: int | None = None) -> Tally:
    """Ask until `source` has no more, and wait for the last replies; raises OSError without a server.

    Each caller leaves after every so many requests instead of waiting for the reply.
    """
    tally = Tally()
    callers = [Caller(port, source, tally, leave_every) for _ in range(connections)]
    for caller in callers:
        caller.connect()
    await asyncio.gather(*[caller.over for caller in callers])
    return tally


@dataclass(frozen=True, slots=True)
class Turn:
    """What was served in so many seconds."""

    tally: Tally
    wall_s: float
    cpu_s: float


async def turn(port: int, connections: int, request: bytes, length_s: float) -> Turn:
    """The same request again and again for a while; `cpu_s` is the CPU time of this process."""
    end_s = time.perf_counter() + length_s

    def source() -> bytes | None:
        return request if time.perf_counter() < end_s else None

    began_s, cpu_s = time.perf_counter(), time.process_time()
    tally = await drive(port, connections, source)
    return Turn(tally, time.perf_counter() - began_s, time.process_time() - cpu_s)

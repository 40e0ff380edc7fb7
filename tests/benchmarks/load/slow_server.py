"""A server that answers every request after the same time, and spends next to nothing on those that wait.

python -m tests.benchmarks.load.slow_server SECONDS prints its port and serves until standard input closes.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import cast

import uvloop

from tests.benchmarks.zero_server import ANSWER, end_of_request, serve

#: Between two looks at who is due.
LOOK_S = 0.001


class Waiting:
    """Requests in the order in which they came, which is that in which they are due."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._loop = asyncio.get_running_loop()
        self._due: deque[tuple[float, asyncio.Transport]] = deque()

    def add(self, transport: asyncio.Transport) -> None:
        """Answer there in a while."""
        if not self._due:
            self._loop.call_later(LOOK_S, self._look)
        self._due.append((self._loop.time() + self._after_s, transport))

    def _look(self) -> None:
        now_s = self._loop.time()
        while self._due and self._due[0][0] <= now_s:
            _, transport = self._due.popleft()
            if not transport.is_closing():
                transport.write(ANSWER)
        if self._due:
            self._loop.call_later(LOOK_S, self._look)


class Slow(asyncio.Protocol):
    """One connection."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._unread = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from neither

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := end_of_request(self._unread, 0)) is not None:
            self._unread = self._unread[end:]
            self._waiting.add(self._transport)


async def serve_slowly(after_s: float) -> None:
    """Until standard input closes."""
    waiting = Waiting(after_s)
    await serve(lambda: Slow(waiting))


if __name__ == "__main__":
    uvloop.run(serve_slowly(float(sys.argv[1])))

"""An open loop: requests leave when their time has come, however long earlier ones take.

python -m tests.mockserver.server.arrivals PORT RATE_PER_S SECONDS SEED sends chat requests at random times (a
Poisson process), every tenth of them for a stream, with call ids from 0. It prints one JSON object: for each
call, microseconds from its intended time to the first byte and to the end of its reply.
"""

import asyncio
import json
import random
import sys
import time
from typing import cast

import uvloop

from tests.benchmarks.driving import ReplyEnd

STREAM_EVERY = 10
# How long the last replies are waited for.
PATIENCE_S = 10.0
US_PER_S = 1_000_000

_Times = dict[int, tuple[int, int]]


def request(call: int) -> bytes:
    """The request with this call id."""
    body = json.dumps(
        {
            "model": "gpt-4.1",
            "messages": [{"role": "user", "content": "hello"}],
            "stream": call % STREAM_EVERY == 0,
        }
    ).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\n"
    return f"{head}x-primetime-call: {call}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


class _Caller(asyncio.Protocol):
    """A connection that is kept for the next request when its reply is complete."""

    def __init__(self, loop: "_Arrivals", call: int, due_s: float) -> None:
        self._arrivals = loop
        self._begin(call, due_s)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(request(self._call))

    def ask(self, call: int, due_s: float) -> None:
        self._begin(call, due_s)
        self._transport.write(request(call))

    def _begin(self, call: int, due_s: float) -> None:
        self._call, self._due_s = call, due_s
        self._reply = ReplyEnd()
        self._first_us: int | None = None

    def data_received(self, data: bytes) -> None:
        us = round((time.perf_counter() - self._due_s) * US_PER_S)
        if self._first_us is None:
            self._first_us = us
        if self._reply.feed(data):
            self._arrivals.times[self._call] = self._first_us, us
            self._arrivals.idle.append(self)


class _Arrivals:
    """All requests of one run."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.idle: list[_Caller] = []
        self.times: _Times = {}

    async def play(self, due_s: list[float]) -> None:
        loop = asyncio.get_running_loop()
        began_s = time.perf_counter()
        opening: set[asyncio.Task[object]] = set()
        for call, after_s in enumerate(due_s):
            at_s = began_s + after_s
            while (left_s := at_s - time.perf_counter()) > 0:  # noqa: ASYNC110 - timers may be early
                await asyncio.sleep(left_s)
            if self.idle:
                self.idle.pop().ask(call, at_s)
                continue
            caller = _Caller(self, call, at_s)
            task: asyncio.Task[object] = loop.create_task(
                loop.create_connection(lambda caller=caller: caller, "127.0.0.1", self._port)
            )
            opening.add(task)
            task.add_done_callback(opening.discard)
        end_s = time.perf_counter() + PATIENCE_S
        while len(self.times) < len(due_s) and time.perf_counter() < end_s:  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.01)


def poisson(rate_per_s: float, seconds: float, seed: int) -> list[float]:
    """Arrival times in seconds from 0."""
    source = random.Random(seed)
    times: list[float] = []
    now_s = source.expovariate(rate_per_s)
    while now_s < seconds:
        times.append(now_s)
        now_s += source.expovariate(rate_per_s)
    return times


def main(port: int, rate_per_s: float, seconds: float, seed: int) -> None:
    """The whole run."""
    arrivals = _Arrivals(port)
    due_s = poisson(rate_per_s, seconds, seed)
    uvloop.run(arrivals.play(due_s))
    sys.stdout.write(json.dumps({"sent": len(due_s), "times": arrivals.times}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))

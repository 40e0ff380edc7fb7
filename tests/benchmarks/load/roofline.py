"""What one core of Python can call at all: ready bytes out, a bare parser on what comes back, nothing else.

python -m tests.benchmarks.load.roofline PORT SECONDS CONNECTIONS prints its calls a second as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import httptools
import uvloop

from tests.benchmarks.load.window import MARGIN_S
from tests.benchmarks.peers import _BODY, _HEADERS, _WIRE


@dataclass(slots=True)
class Tally:
    """Replies of status 200, and calls that ended otherwise."""

    served: int = 0
    failed: int = 0


def ready_request() -> bytes:
    """The request of everyone here, as bytes."""
    headers = {"host": "127.0.0.1", **_HEADERS, "content-length": str(len(_BODY))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /v1{_WIRE.path} HTTP/1.1\r\n{lines}\r\n".encode() + _BODY


class Caller(asyncio.Protocol):
    """One connection, on which one request follows the other."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self._request = request
        self._tally = tally
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from neither
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """The parser has come to the end of a reply."""
        if self._parser.get_status_code() == HTTPStatus.OK:
            self._tally.served += 1
        else:
            self._tally.failed += 1
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it went
        self._tally.failed += 1


async def call(port: int, length_s: float, connections: int) -> dict[str, float]:
    """Call for so long; what was done in the middle of it."""
    loop, tally, request = asyncio.get_running_loop(), Tally(), ready_request()
    for _ in range(connections):
        await loop.create_connection(lambda: Caller(request, tally), "127.0.0.1", port)
    await asyncio.sleep(MARGIN_S)
    began_s, before = loop.time(), tally.served
    await asyncio.sleep(length_s - 2 * MARGIN_S)
    per_s = (tally.served - before) / (loop.time() - began_s)
    await asyncio.sleep(MARGIN_S)
    return {"per_s": per_s, "served": tally.served, "failed": tally.failed}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(call(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))))  # noqa: T201

"""A server of streams that costs next to nothing: ready bytes, in bursts, as a proxy passes them on.

python -m tests.benchmarks.load.burst_server prints its port and serves until its standard input closes.

Every request gets the same chat completion: EVENTS content events, each an HTTP chunk of its own, BURST of
them at a time. The first burst leaves in the very callback that reads the request, the others after PAUSE_S
each.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import cast

import uvloop

from mockserver.text import thai_copy, token_text
from tests.benchmarks.replies import _HEAD, _chunk
from tests.benchmarks.zero_server import end_of_request, serve

EVENTS = 500
BURST = 50
PAUSE_S = 0.001

_RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


def bursts() -> list[bytes]:
    """The whole reply, cut where the server pauses."""
    text = thai_copy(EVENTS)
    contents = [_chunked(_chunk({"content": token_text(text, index)}, None)) for index in range(EVENTS)]
    cut = [b"".join(contents[start : start + BURST]) for start in range(0, EVENTS, BURST)]
    cut[0] = _RESPONSE + _chunked(_chunk({"role": "assistant", "content": ""}, None)) + cut[0]
    cut[-1] += _chunked(_chunk({}, "stop")) + _chunked(_usage()) + _chunked(b"data: [DONE]\n\n") + _LAST_CHUNK
    return cut


def _chunked(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


def _usage() -> bytes:
    usage = {"prompt_tokens": 52, "completion_tokens": EVENTS, "total_tokens": 52 + EVENTS}
    document = _HEAD | {"object": "chat.completion.chunk", "choices": [], "usage": usage}
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


class Streaming(asyncio.Protocol):
    """One connection, on which one reply follows the other. It does not write more than is read."""

    def __init__(self, reply: list[bytes]) -> None:
        self._reply = reply
        self._loop = asyncio.get_running_loop()
        self._unread = b""
        self._left: list[bytes] = []
        self._may_write = True
        self._is_due = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from neither

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := end_of_request(self._unread, 0)) is not None:
            self._unread = self._unread[end:]
            is_idle = not self._left
            self._left = self._reply[::-1] + self._left
            if is_idle:
                self._write()

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        if self._is_due:
            self._write()

    def _write(self) -> None:
        self._is_due = not self._may_write
        if self._is_due or self._transport.is_closing():
            return
        self._transport.write(self._left.pop())
        if self._left:
            self._loop.call_later(PAUSE_S, self._write)


if __name__ == "__main__":
    uvloop.run(serve(partial(Streaming, bursts())))

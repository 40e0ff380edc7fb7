"""A server that costs next to nothing: every request gets the same chat completion, on a kept connection.

python -m tests.benchmarks.zero_server prints its port and serves until its standard input closes. It reads
just as much HTTP/1.1 as finding the end of a request takes: requests have a content-length or no body.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable
from functools import partial
from typing import cast

import uvloop

TEXT = "ครีมกันแดดเนื้อบางเบา ปกป้องผิวทั้งวัน ไม่เหนอะหนะ พร้อมส่งฟรีทั่วไทยวันนี้วันเดียวเท่านั้น!"

BODY = json.dumps(
    {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1741569952,
        "model": "gpt-4.1-2025-04-14",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": TEXT, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 52, "completion_tokens": 61, "total_tokens": 113},
        "service_tier": "default",
    },
    ensure_ascii=False,
).encode()

HEADERS = {"content-type": "application/json", "x-request-id": "req_4f7a1c", "content-length": str(len(BODY))}

ANSWER = (
    "HTTP/1.1 200 OK\r\n" + "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()) + "\r\n"
).encode() + BODY

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


def end_of_request(data: bytes, start: int) -> int | None:
    """Where the request that begins at `start` ends; None while a part of it is missing."""
    head = data.find(_HEAD_END, start)
    if head < 0:
        return None
    length = _LENGTH.search(data, start, head)
    end = head + len(_HEAD_END) + (int(length[1]) if length else 0)
    return end if end <= len(data) else None


class Answering(asyncio.Protocol):
    """One connection."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._unread = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's derives from neither

    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        start = answers = 0
        while (end := end_of_request(data, start)) is not None:
            start, answers = end, answers + 1
        self._unread = data[start:]
        if answers and self._transport is not None:
            self._transport.write(self._answer * answers)


async def serve(make: Callable[[], asyncio.Protocol]) -> None:
    """Until standard input closes: so it ends with the process that started it, however that one ends.

    `make` gives the protocol of a connection.
    """
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    server = await loop.create_server(make, "127.0.0.1", 0, backlog=4096)
    loop.add_reader(sys.stdin, lambda: None if os.read(sys.stdin.fileno(), 1) else over.set())
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await over.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(serve(partial(Answering, ANSWER)))

"""A reply that is read slowly is held back, in bounded memory, and the silence is then not the server's."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from harness.transport.base import HttpRequest
from harness.transport.fast.connection import MOST_UNREAD_BYTES
from tests.harness.transport.asking import (
    ON_BOTH_LOOPS,
    ask,
    failure,
    fast_transport,
    read,
    run,
    take_request,
)
from tests.harness.transport.faults import Handler, chunked, hang, serving

MB = 1 << 20
SIZE = 24 * MB  # more than all buffers of both sockets
# What asyncio and uvloop read at once, at most.
ONE_READ_BYTES = 256 * 1024
STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Pouring:
    """Sends a body of SIZE as fast as it is taken, and knows how much it has sent."""

    def __init__(self, then: Handler | None = None) -> None:
        self.sent = 0
        self._then = then

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(0)
        with suppress(asyncio.IncompleteReadError):
            while True:
                await take_request(reader)
                self.sent = 0
                writer.write(STREAM)
                for _ in range(SIZE // MB):
                    writer.write(chunked(bytes(MB)))
                    await writer.drain()
                    self.sent += MB
                if self._then is not None:
                    await self._then(reader, writer)
                writer.write(b"0\r\n\r\n")


@ON_BOTH_LOOPS
def test_the_server_is_held_back_and_no_read_timeout_fires_meanwhile(loop: str) -> None:
    server = Pouring()

    async def main() -> None:
        async with serving(server) as url, fast_transport(max=1, read_timeout_s=0.15) as transport:
            for _ in range(2):
                response = await transport.open(HttpRequest("POST", url, {}, b""))
                await asyncio.sleep(0.2)
                held_at = server.sent
                await asyncio.sleep(0.2)
                assert server.sent == held_at < SIZE
                (connection,) = transport._pool._places
                assert connection._unread_bytes <= MOST_UNREAD_BYTES + ONE_READ_BYTES
                assert sum(len(data) for data, _ in connection._reads) == connection._unread_bytes
                assert len((await read(response)).body) == SIZE
                assert connection._unread_bytes == 0
                assert transport._pool._idle_count == 1

    run(main(), loop)


@ON_BOTH_LOOPS
def test_memory_stays_bounded_while_a_reader_pauses_again_and_again(loop: str) -> None:
    async def main() -> None:
        async with serving(Pouring()) as url, fast_transport() as transport:
            response = await transport.open(HttpRequest("POST", url, {}, b""))
            (connection,) = transport._pool._places
            size, most, paused = 0, 0, 0
            async for chunk in response.chunks():
                size += len(chunk)
                most = max(most, connection._unread_bytes + len(chunk))
                if size > paused + 4 * MB:
                    paused = size
                    await asyncio.sleep(0.01)
            await response.aclose()
            assert size == SIZE
            assert most <= MOST_UNREAD_BYTES + ONE_READ_BYTES

    run(main(), loop)


@ON_BOTH_LOOPS
@pytest.mark.parametrize("end", ["silence", "close"])
def test_what_becomes_of_the_rest_is_seen_once_the_reader_has_caught_up(end: str, loop: str) -> None:
    async def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def main() -> None:
        server = Pouring(then=hang if end == "silence" else closes)
        async with serving(server) as url, fast_transport(read_timeout_s=0.2) as transport:
            response = await transport.open(HttpRequest("POST", url, {}, b""))
            await asyncio.sleep(0.3)
            expected = "timeout.read_timeout" if end == "silence" else "transient.read"
            assert await failure(read(response)) == expected
            assert server.sent == SIZE

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_reply_left_while_it_is_held_back_drops_its_connection(loop: str) -> None:
    server = Pouring()

    async def main() -> None:
        async with serving(server) as url, fast_transport(max=1) as transport:
            for _ in range(3):
                response = await transport.open(HttpRequest("POST", url, {}, b""))
                await asyncio.sleep(0.05)
                assert next(iter(transport._pool._places))._held_back
                await response.aclose()
            assert len((await ask(transport, url)).body) == SIZE

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_reply_that_was_all_here_but_not_read_is_not_in_the_next_one(loop: str) -> None:
    async def parts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                _, body = await take_request(reader)
                writer.write(STREAM)
                for part in (chunked(body), chunked(body), b"0\r\n\r\n"):
                    await asyncio.sleep(0.002)
                    writer.write(part)

    async def main() -> None:
        async with serving(parts) as url, fast_transport(max=1) as transport:
            for _ in range(3):
                response = await transport.open(HttpRequest("POST", url, {}, b"left unread"))
                await asyncio.sleep(0.03)
                chunks = response.chunks()
                assert await anext(chunks) == b"left unread"
                await response.aclose()
                assert await anext(chunks, None) is None
                assert (await ask(transport, url, b"read")).body == b"readread"
                assert len(transport._pool._places) == 1

    run(main(), loop)

"""Bytes that nobody asked for are never taken for a reply, wherever they turn up."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

import pytest

from harness.transport.base import HttpRequest
from tests.harness.transport.asking import ON_BOTH_LOOPS, ask, fast_transport, ok, run, take_request
from tests.harness.transport.faults import serving
from tests.harness.transport.threads import serving_in_a_thread

STRAYS = [
    ok(b"stray"),
    ok(b"stray")[:-2],
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    b"H",
    b"\x00",
    b"0\r\n\r\n",
    b"stray" * 1000,
]


@ON_BOTH_LOOPS
@pytest.mark.parametrize("status", [200, 204])
@pytest.mark.parametrize("stray", STRAYS)
def test_what_follows_a_reply_in_its_packet(stray: bytes, status: int, loop: str) -> None:
    async def strays(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                _, body = await take_request(reader)
                writer.write((ok(body) if status == 200 else b"HTTP/1.1 204 None\r\nx: y\r\n\r\n") + stray)

    async def main() -> None:
        async with serving(strays) as url, fast_transport(max=1) as transport:
            for body in (b"one", b"two", b"three"):
                got = await ask(transport, url, body)
                assert (got.status, got.body) == (status, body if status == 200 else b"")

    run(main(), loop)


@ON_BOTH_LOOPS
@pytest.mark.parametrize("stray", STRAYS)
def test_what_comes_over_an_idle_connection(stray: bytes, loop: str) -> None:
    async def strays(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                _, body = await take_request(reader)
                writer.write(ok(body))
                await writer.drain()
                await asyncio.sleep(0.005)
                writer.write(stray)

    async def main() -> None:
        async with serving(strays) as url, fast_transport(max=1) as transport:
            for body in (b"one", b"two"):
                assert (await ask(transport, url, body)).body == body
                await asyncio.sleep(0.02)
            assert not transport._pool._places

    run(main(), loop)


@ON_BOTH_LOOPS
def test_what_comes_between_a_whole_reply_and_its_being_read(loop: str) -> None:
    async def strays(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, body = await take_request(reader)
        writer.write(ok(body))
        await writer.drain()
        await asyncio.sleep(0.005)
        writer.write(ok(b"stray"))
        await writer.drain()

    async def main() -> None:
        async with serving(strays) as url, fast_transport(max=1) as transport:
            for body in (b"one", b"two"):
                response = await transport.open(HttpRequest("POST", url, {}, body))
                await asyncio.sleep(0.02)
                assert [chunk async for chunk in response.chunks()] == [body]
                await response.aclose()

    run(main(), loop)


@ON_BOTH_LOOPS
@pytest.mark.parametrize("stray", [ok(b"stray"), None])
def test_what_came_while_the_loop_was_busy_elsewhere(stray: bytes | None, loop: str) -> None:
    """It, or the end, is in the socket already when the next request is due, and the loop has not looked."""

    def serve(peer: socket.socket) -> None:
        while data := peer.recv(1 << 16):
            peer.sendall(ok(data.partition(b"\r\n\r\n")[2]))
            time.sleep(0.01)
            if stray is None:
                return
            peer.sendall(stray)

    async def main(url: str) -> None:
        async with fast_transport(max=1) as transport:
            for body in (b"one", b"two", b"three"):
                assert (await ask(transport, url, body)).body == body
                time.sleep(0.05)  # noqa: ASYNC251 - the loop is to be blocked

    with serving_in_a_thread(serve) as url:
        run(main(url), loop)

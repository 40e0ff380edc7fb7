"""The fast transport's patience: whose silence it is, and since when."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

import pytest

from harness.policy.config import ConnectionsConfig
from harness.transport.base import HttpRequest
from harness.transport.fast import FastTransport
from tests.harness.transport.asking import (
    ON_BOTH_LOOPS,
    ask,
    failure,
    fast_transport,
    ok,
    read,
    run,
    take_request,
)
from tests.harness.transport.faults import Handler, hang, serving
from tests.harness.transport.threads import serving_in_a_thread

SILENCE_S = 0.12
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"


def _falls_silent(after: int, begun: bytes) -> Handler:
    """Answers so many requests of a connection, and begins the next reply so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            for _ in range(after):
                _, body = await take_request(reader)
                writer.write(ok(body))
            writer.write(begun if await take_request(reader) else b"")
            await hang(reader, writer)

    return serve


@ON_BOTH_LOOPS
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", HEAD[:20], HEAD, HEAD + b"half"])
@pytest.mark.parametrize("after", [0, 3])
def test_a_server_that_falls_silent_after_some_requests(after: int, begun: bytes, loop: str) -> None:
    async def main() -> None:
        serve = _falls_silent(after, begun)
        async with serving(serve) as url, fast_transport(max=1, read_timeout_s=SILENCE_S) as transport:
            for _ in range(after):
                await ask(transport, url, b"body")
                await asyncio.sleep(SILENCE_S / 4)
            began_s = asyncio.get_running_loop().time()
            assert await failure(ask(transport, url)) == "timeout.read_timeout"
            waited_s = asyncio.get_running_loop().time() - began_s
            assert SILENCE_S - 0.005 <= waited_s < 4 * SILENCE_S
            assert transport._pool._in_use == 0

    run(main(), loop)


@ON_BOTH_LOOPS
def test_an_idle_connection_outlives_the_read_timeout_and_starts_a_new_one(loop: str) -> None:
    async def main() -> None:
        serve = _falls_silent(2, b"")
        async with serving(serve) as url, fast_transport(max=1, read_timeout_s=SILENCE_S) as transport:
            await ask(transport, url)
            (connection,) = transport._pool._places
            await asyncio.sleep(1.5 * SILENCE_S)
            await ask(transport, url)
            await asyncio.sleep(0.5 * SILENCE_S)
            assert list(transport._pool._places) == [connection]
            assert await failure(ask(transport, url)) == "timeout.read_timeout"

    run(main(), loop)


@ON_BOTH_LOOPS
def test_what_comes_now_and_then_is_no_silence(loop: str) -> None:
    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take_request(reader)
        for part in (
            b"HTTP/1.1 102 Processing\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"content-length: 2\r\n\r\n",
            b"o",
            b"k",
        ):
            await asyncio.sleep(SILENCE_S / 2)
            writer.write(part)

    async def main() -> None:
        async with serving(drips) as url, fast_transport(read_timeout_s=SILENCE_S) as transport:
            assert (await ask(transport, url)).body == b"ok"

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_reply_that_is_all_here_has_no_timeout(loop: str) -> None:
    async def main() -> None:
        serve = _falls_silent(1, b"")
        async with serving(serve) as url, fast_transport(read_timeout_s=SILENCE_S) as transport:
            response = await transport.open(HttpRequest("POST", url, {}, b"body"))
            await asyncio.sleep(2 * SILENCE_S)
            assert (await read(response)).body == b"body"

    run(main(), loop)


class Blocking(asyncio.Protocol):
    """Blocks the loop where it looks at its sockets: uvloop then comes to its timers first."""

    def data_received(self, data: bytes) -> None:
        del data
        time.sleep(2 * SILENCE_S)


@ON_BOTH_LOOPS
def test_a_reply_that_came_while_our_loop_was_blocked_is_not_late(loop: str) -> None:
    def serve(peer: socket.socket) -> None:
        while data := peer.recv(1 << 16):
            time.sleep(SILENCE_S / 2)
            peer.sendall(ok(data.partition(b"\r\n\r\n")[2]))

    async def main(url: str) -> None:
        near, far = socket.socketpair()
        blocking, _ = await asyncio.get_running_loop().create_connection(Blocking, sock=near)
        try:
            async with fast_transport(max=1, read_timeout_s=SILENCE_S) as transport:
                for _ in range(2):
                    call = asyncio.create_task(ask(transport, url, b"body"))
                    await asyncio.sleep(SILENCE_S / 10)
                    far.send(b"now")
                    assert (await call).body == b"body"
        finally:
            blocking.close()
            far.close()

    with serving_in_a_thread(serve) as url:
        run(main(url), loop)


@ON_BOTH_LOOPS
def test_a_connection_lost_before_its_first_request_fails_that_at_once(loop: str) -> None:
    """No socket does this: asyncio lets the request be sent first. The pool is made to wait."""

    async def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def main() -> None:
        transport = FastTransport(ConnectionsConfig(read_timeout_s=5.0))
        take = transport._pool.take

        async def late(origin: object) -> object:
            connection = await take(origin)  # type: ignore[arg-type]
            await asyncio.sleep(0.03)
            return connection

        transport._pool.take = late  # type: ignore[method-assign, assignment]
        async with serving(closes) as url, asyncio.timeout(2):
            assert await failure(ask(transport, url)) == "transient.read"
        assert transport._pool._in_use == 0
        await transport.aclose()

    run(main(), loop)

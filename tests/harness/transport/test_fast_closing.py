"""Closing the fast transport with calls under way: each ends, none as if its reply were whole."""

from __future__ import annotations

import asyncio

from harness.transport.base import HttpRequest
from tests.harness.transport.asking import (
    ON_BOTH_LOOPS,
    Got,
    ask,
    echo,
    failure,
    fast_transport,
    read,
    run,
    take_request,
)
from tests.harness.transport.faults import hang, serving


async def _begins(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begins the reply that is the request's body, and says no more."""
    _, body = await take_request(reader)
    writer.write(body)
    await hang(reader, writer)


@ON_BOTH_LOOPS
def test_every_call_under_way_fails_and_those_in_line_too(loop: str) -> None:
    begun = [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\n\r\nsome",
    ]

    async def main() -> None:
        async with serving(_begins) as url, fast_transport(max=len(begun)) as transport:
            calls = [asyncio.create_task(failure(ask(transport, url, body))) for body in begun]
            await asyncio.sleep(0.02)
            in_line = [asyncio.create_task(failure(ask(transport, url))) for _ in range(3)]
            await asyncio.sleep(0)
            await transport.aclose()
            async with asyncio.timeout(1):
                assert await asyncio.gather(*calls) == ["transient.read"] * len(begun)
                assert await asyncio.gather(*in_line) == ["local.pool"] * 3
            assert (transport._pool._in_use, transport._pool._places) == (0, {})

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_connection_that_was_being_opened_is_not_left_open(loop: str) -> None:
    hung_up = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hang(reader, writer)
        hung_up.set()

    async def main() -> None:
        async with serving(serve) as url, fast_transport() as transport:
            call = asyncio.create_task(failure(ask(transport, url)))
            await asyncio.sleep(0)  # it has begun to connect
            assert transport._pool._dialling == 1
            await transport.aclose()
            async with asyncio.timeout(1):
                assert await call == "local.pool"
                await hung_up.wait()
            assert transport._pool._places == {}

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_closed_transport_opens_nothing_and_keeps_nothing(loop: str) -> None:
    async def main() -> None:
        async with serving(echo) as url, fast_transport() as transport:
            response = await transport.open(HttpRequest("POST", url, {}, b"whole"))
            await asyncio.gather(*(ask(transport, url) for _ in range(3)))
            await transport.aclose()
            assert (await read(response)).body == b"whole"  # it was all here
            for _ in range(2):
                assert await failure(ask(transport, url)) == "local.pool"
                await transport.aclose()
            await asyncio.sleep(0.01)
            assert (transport._pool._in_use, transport._pool._places) == (0, {})

    run(main(), loop)


def test_closing_twice_or_unused_is_fine() -> None:
    async def main() -> Got:
        async with serving(echo) as url, fast_transport() as transport, fast_transport() as unused:
            await unused.aclose()
            await unused.aclose()
            return await ask(transport, url, b"body")

    assert run(main()).body == b"body"

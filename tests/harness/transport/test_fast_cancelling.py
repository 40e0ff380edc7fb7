"""Calls cancelled at any instant: no slot is lost, and nobody is given another call's reply."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from harness.transport.fast import FastTransport
from tests.harness.transport.asking import (
    ON_BOTH_LOOPS,
    Got,
    ask,
    echo,
    fast_transport,
    ok,
    run,
    take_request,
)
from tests.harness.transport.faults import Handler, chunked, hang, reset, serving

MOST = 4
CALLS = 250
WITHIN_S = 0.25


def _whims(rng: Random) -> Handler:
    """Echoes after a while and in parts, by its length or in chunks; now and then it misbehaves."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await take_request(reader)
            whole = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunked(body) + b"0\r\n\r\n"
            reply = rng.choice([whole, ok(body)])
            whim = rng.random()
            if whim < 0.05:
                return reset(writer)
            if whim < 0.1:
                writer.write(reply[: rng.randrange(len(reply))])
                return None
            if whim < 0.2:
                writer.write(reply + ok(b"stray"))
                continue
            cut = rng.randrange(len(reply))
            for part in (reply[:cut], reply[cut:]):
                await asyncio.sleep(rng.uniform(0, 0.004))
                writer.write(part)

    return serve


@ON_BOTH_LOOPS
@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_a_storm_of_cancellations(seed: int, reuse: bool, loop: str) -> None:  # noqa: FBT001
    rng = Random(seed)
    seen: list[int] = []

    async def call(transport: FastTransport, url: str, number: int) -> None:
        await asyncio.sleep(rng.uniform(0, WITHIN_S))
        asked = asyncio.create_task(ask(transport, url, b"call %d" % number))
        if rng.random() < 0.6:
            await asyncio.sleep(rng.choice([0, rng.uniform(0, 0.03)]))
            asked.cancel()
        (got,) = await asyncio.gather(asked, return_exceptions=True)
        if isinstance(got, Got):
            assert got.body == b"call %d" % number
            seen.append(number)

    async def main() -> None:
        async with (
            serving(_whims(rng)) as url,
            serving(echo) as sound,
            fast_transport(max=MOST, keepalive=2, reuse=reuse) as transport,
        ):
            await asyncio.gather(*(call(transport, url, number) for number in range(CALLS)))
            assert len(seen) > CALLS / 10
            _is_at_rest(transport)
            async with asyncio.timeout(2):
                got = await asyncio.gather(*(ask(transport, sound, b"%d" % n) for n in range(3 * MOST)))
            assert [one.body for one in got] == [b"%d" % number for number in range(3 * MOST)]
            _is_at_rest(transport)

    run(main(), loop)


def _is_at_rest(transport: FastTransport) -> None:
    pool = transport._pool
    kept = [connection for kept in pool._idle.values() for connection in kept]
    assert (pool._in_use, pool._waiting) == (0, {})
    assert pool._idle_count == len(kept) <= 2
    assert all(connection in pool._places for connection in kept)
    assert len(pool._places) <= MOST


@ON_BOTH_LOOPS
@pytest.mark.parametrize("turns", range(6))
def test_the_leave_of_one_who_gives_up_goes_to_the_next_in_line(turns: int, loop: str) -> None:
    """Cancelled so many turns of the loop after the connection it waits for was given back."""

    async def main() -> None:
        async with serving(echo) as url, fast_transport(max=1) as transport:
            first = asyncio.create_task(ask(transport, url, b"first"))
            await asyncio.sleep(0)
            given_up, last = (
                asyncio.create_task(ask(transport, url, body)) for body in (b"given up", b"last")
            )
            assert (await first).body == b"first"
            for _ in range(turns):
                await asyncio.sleep(0)
            given_up.cancel()
            async with asyncio.timeout(2):
                assert (await last).body == b"last"
            assert transport._pool._in_use == 0

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_call_cancelled_before_its_head_or_inside_its_body_drops_its_connection(loop: str) -> None:
    hung_up = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal hung_up
        _, body = await take_request(reader)
        writer.write(body)
        await hang(reader, writer)
        hung_up += 1

    async def main() -> None:
        async with serving(serve) as url, fast_transport(max=1) as transport:
            for begun in (b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"):
                call = asyncio.create_task(ask(transport, url, begun))
                await asyncio.sleep(0.02)
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
                await asyncio.sleep(0.02)
                assert (transport._pool._in_use, len(transport._pool._places)) == (0, 0)
        assert hung_up == 2

    run(main(), loop)

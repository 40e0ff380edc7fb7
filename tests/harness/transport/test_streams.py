"""Streams over real sockets: the same fault is the same outcome on every backend, and no slot is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest

from harness import Attempt, CallError, Outcome, ResilientClient, Usage
from harness.policy.config import ConnectionsConfig
from harness.policy.presets import NAIVE
from tests.harness.transport.backends import BACKENDS, backend_client
from tests.harness.transport.faults import (
    BODY,
    DONE,
    END_OF_BODY,
    HEAD,
    LAST,
    PIECE,
    ROLE,
    STREAM_HEAD,
    USAGE,
    Handler,
    answer,
    chunked,
    hang,
    read_request,
    resets,
    serving,
    streams,
)

IDLE_S = 0.25
WHOLE = (chunked(ROLE), chunked(PIECE), chunked(PIECE), chunked(LAST + USAGE + DONE), END_OF_BODY)
BEGUN = (chunked(ROLE), chunked(PIECE))


def client_for(
    backend: str, url: str, seen: list[Attempt], *, read_timeout_s: float = 5.0, pool: int = 10
) -> ResilientClient:
    connections = ConnectionsConfig(max=pool, keepalive=pool, read_timeout_s=read_timeout_s)
    policy = replace(NAIVE, idle_timeout_s=IDLE_S, first_token_timeout_s=4 * IDLE_S)
    return backend_client(backend, url, seen, connections, policy)


def attempt(backend: str, handler: Handler, read_timeout_s: float = 5.0) -> tuple[Attempt, str]:
    """How one stream against a handler ends, and the text it gave until then."""

    async def main() -> tuple[Attempt, str]:
        seen: list[Attempt] = []
        text = ""
        async with (
            serving(handler) as url,
            client_for(backend, url, seen, read_timeout_s=read_timeout_s) as client,
        ):
            received = None
            try:
                async with client.stream("สวัสดี") as stream:
                    async for piece in stream:
                        text += piece
            except CallError as error:
                received = error.text
            assert received in {None, text}
            assert client.routes[0].pipeline.gate.held == 0
        (one,) = seen
        return one, text

    return asyncio.run(main())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_whole_stream(backend: str) -> None:
    one, text = attempt(backend, streams(*WHOLE))
    assert (one.selector, one.usage, text) == ("ok", Usage(3, 3), "สวัสดีสวัสดี")
    assert one.headers_ns is not None
    assert one.first_token_ns is not None
    assert one.sent_ns < one.headers_ns < one.first_token_ns < one.end_ns


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (streams(*BEGUN, then=resets), "partial.read"),
        (streams(*BEGUN), "partial.read"),
        (streams(*BEGUN, chunked(PIECE)[:-9]), "partial.read"),
        (streams(*BEGUN, END_OF_BODY), "partial.stream"),
        (streams(*BEGUN, then=hang), "timeout.idle_timeout"),
        (streams(*BEGUN, chunked(PIECE)[:20], then=hang), "timeout.idle_timeout"),
        (streams(*BEGUN, chunked(b"data: {\n\n"), then=hang), "partial.body"),
        (streams(then=resets), "transient.read"),
        (streams(), "transient.read"),
        (streams(chunked(ROLE), then=resets), "transient.read"),
        (streams(chunked(ROLE), chunked(PIECE)[:20]), "transient.read"),
        (streams(END_OF_BODY), "transient.stream"),
        (streams(chunked(ROLE), then=hang), "timeout.first_token_timeout"),
        (streams(then=hang), "timeout.first_token_timeout"),
    ],
)  # fmt: skip
def test_each_fault_of_a_stream_has_one_outcome(backend: str, handler: Handler, expected: str) -> None:
    one, text = attempt(backend, handler)
    assert one.selector == expected
    begun = expected.startswith("partial") or expected.endswith("idle_timeout")
    assert text == ("สวัสดี" if begun else "")
    assert (one.first_token_ns is not None) is begun


@pytest.mark.parametrize(
    ("backend", "parts", "expected"),
    [
        ("httpx", BEGUN, "partial.protocol"),
        ("httpx", (), "transient.protocol"),
        # aiohttp 3.14.5 closes the connection and never wakes the reader: only our own timeouts end it.
        ("aiohttp", BEGUN, "timeout.idle_timeout"),
        ("aiohttp", (), "timeout.first_token_timeout"),
        ("fast", BEGUN, "partial.protocol"),
        ("fast", (), "transient.protocol"),
    ],
)
def test_bytes_that_are_no_chunk(backend: str, parts: tuple[bytes, ...], expected: str) -> None:
    one, _ = attempt(backend, streams(*parts, b"this is no chunk\r\n"))
    assert one.selector == expected


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("parts", "expected"), [(BEGUN, "partial.read_timeout"), ((chunked(ROLE),), "timeout.read_timeout")]
)
def test_the_transport_s_own_read_timeout(backend: str, parts: tuple[bytes, ...], expected: str) -> None:
    one, _ = attempt(backend, streams(*parts, then=hang), read_timeout_s=IDLE_S / 2)
    assert one.selector == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_stream_cut_into_packets_of_one_byte(backend: str) -> None:
    whole = chunked(ROLE + PIECE + PIECE) + chunked(LAST + USAGE + DONE) + END_OF_BODY

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for byte in STREAM_HEAD + whole:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    one, text = attempt(backend, drip)
    assert (one.selector, text) == ("ok", "สวัสดีสวัสดี")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_stream_read_to_its_end_or_left_at_its_last_piece_keeps_its_connection(backend: str) -> None:
    opened = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while True:
            await streams(chunked(ROLE), chunked(PIECE + LAST + USAGE + DONE), END_OF_BODY)(reader, writer)

    async def main() -> None:
        seen: list[Attempt] = []
        async with serving(serve) as url, client_for(backend, url, seen) as client:
            async with client.stream("a") as stream:
                assert [piece async for piece in stream] == ["สวัสดี"]
            for _ in range(2):
                async with client.stream("a") as stream:
                    assert await anext(stream) == "สวัสดี"
        assert [one.outcome for one in seen] == ["ok"] * 3

    asyncio.run(main())
    assert opened == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_stream_left_early_drops_its_connection(backend: str) -> None:
    hung_up = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await streams(*BEGUN, then=hang)(reader, writer)
        hung_up.set()

    async def main() -> None:
        seen: list[Attempt] = []
        async with serving(serve) as url, client_for(backend, url, seen) as client:
            async with client.stream("a") as stream:
                assert await anext(stream) == "สวัสดี"
            await asyncio.wait_for(hung_up.wait(), 2)
        assert [one.outcome for one in seen] == [Outcome.CANCELLED]

    asyncio.run(main())


@pytest.mark.parametrize("backend", ["aiohttp", "fast"])
@pytest.mark.parametrize("seed", range(3))
def test_cancelling_under_pool_contention_loses_no_slot(backend: str, seed: int) -> None:
    # httpcore#1093: httpx's own pool does lose them, which is why it is not the default.
    rng = Random(seed)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            await asyncio.sleep(0.01)
            writer.write(HEAD + BODY)

    async def main() -> None:
        async with serving(slow) as url, client_for(backend, url, [], pool=2) as client:

            async def cancelled(after_s: float) -> None:
                call = asyncio.create_task(client.generate_copy("a"))
                await asyncio.sleep(after_s)
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)

            await asyncio.gather(*(cancelled(rng.uniform(0, 0.1)) for _ in range(150)))
            async with asyncio.timeout(2):
                replies = await asyncio.gather(*(client.generate_copy("a") for _ in range(20)))
            assert {reply.text for reply in replies} == {"สวัสดี"}

    asyncio.run(main())


@pytest.mark.parametrize("backend", ["aiohttp", "fast"])
def test_leaving_streams_under_pool_contention_loses_no_slot(backend: str) -> None:
    async def main() -> None:
        seen: list[Attempt] = []
        async with (
            serving(streams(*BEGUN, then=hang)) as url,
            client_for(backend, url, seen, pool=2) as client,
        ):

            async def left() -> None:
                async with client.stream("a") as stream:
                    await anext(stream)

            async with asyncio.timeout(5):
                await asyncio.gather(*(left() for _ in range(20)))
        assert [one.outcome for one in seen] == [Outcome.CANCELLED] * 20

    asyncio.run(main())


def test_the_server_of_these_tests_answers() -> None:
    async def main() -> None:
        async with (
            serving(answer) as url,
            client_for("aiohttp", url, []) as client,
            client.stream("a") as stream,  # from a server that does not stream
        ):
            assert [piece async for piece in stream] == ["สวัสดี"]

    asyncio.run(main())

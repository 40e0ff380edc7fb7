"""Large and early: heads, bodies, and replies that come before the request has gone."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from harness.transport.base import HttpRequest
from harness.transport.fast import connection
from tests.harness.transport.asking import (
    ON_BOTH_LOOPS,
    ask,
    asked_once,
    echo,
    failed_once,
    failure,
    fast_transport,
    ok,
    read,
    replies,
    run,
)
from tests.harness.transport.faults import Handler, hang, reset, serving

MB = 1 << 20
TOO_LARGE = b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nno!"


@ON_BOTH_LOOPS
def test_ten_megabytes_each_way(loop: str) -> None:
    body = bytes(range(256)) * (10 * MB // 256)

    async def main() -> None:
        async with serving(echo) as url, fast_transport(max=1) as transport:
            for _ in range(2):
                got = await ask(transport, url, body)
                assert hashlib.sha256(got.body).digest() == hashlib.sha256(body).digest()

    run(main(), loop)


def _answers_early(reply: bytes, then: Handler) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        await then(reader, writer)

    return handler


async def _reads_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


async def _closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@ON_BOTH_LOOPS
@pytest.mark.parametrize("then", [hang, _reads_nothing, _closes])
def test_a_refusal_is_heard_while_a_large_body_is_still_being_written(then: Handler, loop: str) -> None:
    opened = 0

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await _answers_early(TOO_LARGE, then)(reader, writer)

    async def main() -> None:
        async with serving(counting) as url, fast_transport(max=1) as transport:
            for _ in range(2):
                got = await ask(transport, url, bytes(10 * MB))
                assert (got.status, got.body) == (413, b"no!")
        assert opened == 2  # what was left of the first body may not be taken for the second request

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_refusal_that_ends_with_the_connection_does_not_wait_for_the_body_to_be_written(loop: str) -> None:
    async def half_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        await _reads_nothing(reader, writer)

    handler = _answers_early(b"HTTP/1.1 413 Too Large\r\n\r\nno!", half_closes)

    async def main() -> None:
        async with serving(handler) as url, fast_transport(read_timeout_s=1.0) as transport:
            got = await ask(transport, url, bytes(10 * MB))
            assert (got.status, got.body) == (413, b"no!")

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_reset_while_a_large_body_is_being_written_is_transient(loop: str) -> None:
    async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reset(writer)

    async def main() -> None:
        async with serving(resets) as url, fast_transport(max=1) as transport:
            for _ in range(2):
                assert await failure(ask(transport, url, bytes(10 * MB))) == "transient.read"

    run(main(), loop)


def test_a_connection_is_kept_once_a_slow_reader_has_taken_the_whole_body() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ok(b"early"))
        await reader.readexactly(10 * MB)
        await echo(reader, writer)

    async def main() -> None:
        async with serving(slow) as url, fast_transport(max=1) as transport:
            response = await transport.open(HttpRequest("POST", url, {}, bytes(10 * MB)))
            await asyncio.sleep(0.1)
            assert (await read(response)).body == b"early"
            assert (await ask(transport, url, b"again")).body == b"again"

    run(main())


@ON_BOTH_LOOPS
@pytest.mark.parametrize("packets", [1, 40])
@pytest.mark.parametrize("size", [60_000, 70_000, 1_000_000])
def test_the_bound_on_a_head_is_the_same_however_it_is_cut(size: int, packets: int, loop: str) -> None:
    lines = [b"x-%05d: %s" % (number, b"a" * 991) for number in range(size // 1000)]
    reply = ok(b"body", *lines)
    cut = -(-len(reply) // packets)
    handler = replies(*(reply[at : at + cut] for at in range(0, len(reply), cut)))
    if size < connection.MOST_HEAD_BYTES:
        assert len(asked_once(handler, loop).lines) == len(lines) + 1
    else:
        assert failed_once(handler, loop) == "transient.protocol"


def test_a_large_body_in_the_packet_of_a_small_head_is_no_large_head() -> None:
    size = 2 * connection.MOST_HEAD_BYTES
    assert len(asked_once(replies(ok(bytes(size)))).body) == size


def test_one_endless_header_is_cut_short() -> None:
    handler = replies(b"HTTP/1.1 200 OK\r\nx-a: ", *[b"a" * 10_000] * 10)
    assert failed_once(handler) == "transient.protocol"


def test_endless_provisional_replies_are_cut_short() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: %b\r\n\r\n" % (b"a" * 10_000)
    assert failed_once(replies(*[hints] * 10)) == "transient.protocol"

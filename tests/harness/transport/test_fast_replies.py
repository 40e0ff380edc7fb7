"""Where a reply to the fast transport begins and ends, and what its head says."""

from __future__ import annotations

import pytest

from tests.harness.transport.asking import (
    ON_BOTH_LOOPS,
    ask,
    asked_once,
    failed_once,
    fast_transport,
    ok,
    replies,
    run,
)
from tests.harness.transport.faults import END_OF_BODY, chunked, serving

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nx-a: early\r\n\r\n"
UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n"


@ON_BOTH_LOOPS
@pytest.mark.parametrize(
    "packets",
    [
        (CONTINUE + HINTS + ok(b"yes"),),
        (CONTINUE, HINTS, ok(b"yes")),
        (CONTINUE + HINTS[:30], HINTS[30:] + ok(b"yes")),
    ],
)
def test_provisional_replies_leave_no_trace(packets: tuple[bytes, ...], loop: str) -> None:
    got = asked_once(replies(*packets), loop)
    assert (got.status, got.body, got.lines) == (200, b"yes", [("content-length", "3")])


@ON_BOTH_LOOPS
@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n"])
def test_a_body_of_no_stated_length_ends_with_the_connection(head: bytes, loop: str) -> None:
    got = asked_once(replies(head + b"x-a: 1\r\n\r\nto the", b" end", close=True), loop)
    assert (got.status, got.body) == (200, b"to the end")


@ON_BOTH_LOOPS
def test_an_empty_body_of_no_stated_length_ends_with_the_connection(loop: str) -> None:
    assert asked_once(replies(b"HTTP/1.1 200 OK\r\n\r\n", close=True), loop).body == b""


@ON_BOTH_LOOPS
@pytest.mark.parametrize(
    "cut",
    [
        ok(b"whole")[:-1],
        ok(b"whole")[:-5],
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nwhol",
        CHUNKED + chunked(b"whole"),
        CHUNKED + chunked(b"whole") + b"0\r\n",
        ok(b"whole")[:20],
        CONTINUE,
        b"",
    ],
)
def test_a_connection_that_ends_before_its_reply_is_transient(cut: bytes, loop: str) -> None:
    assert failed_once(replies(cut, close=True), loop) == "transient.read"


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_ends_at_its_head(status: int) -> None:
    head = b"HTTP/1.1 %d None\r\ncontent-length: 9\r\n\r\n" % status

    async def main() -> list[tuple[int, bytes]]:
        async with serving(replies(head)) as url, fast_transport(max=1) as transport:
            return [(got.status, got.body) for got in [await ask(transport, url) for _ in range(3)]]

    assert run(main()) == [(status, b"")] * 3


def test_an_empty_body_is_a_reply_like_any_other() -> None:
    assert asked_once(replies(ok(b""))).body == b""
    assert asked_once(replies(CHUNKED + END_OF_BODY)).body == b""


@pytest.mark.parametrize(
    ("head", "opened"),
    [
        (b"", 2),
        (b"connection: close\r\n", 2),
        (b"connection: keep-alive\r\n", 1),
        (b"Connection: Keep-Alive\r\n", 1),
    ],
)
def test_http_1_0_keeps_its_connection_only_where_it_says_so(head: bytes, opened: int) -> None:
    assert _opened(b"HTTP/1.0 200 OK\r\n" + head + b"content-length: 2\r\n\r\nok") == opened


def test_connection_close_is_obeyed() -> None:
    assert _opened(ok(b"ok", b"Connection: close")) == 2
    assert _opened(ok(b"ok")) == 1


def _opened(reply: bytes) -> int:
    """How many connections two requests in a row open."""
    count = 0

    async def main() -> int:
        nonlocal count
        play = replies(reply)

        async def counting(*streams: object) -> None:
            nonlocal count
            count += 1
            await play(*streams)  # type: ignore[arg-type]

        async with serving(counting) as url, fast_transport() as transport:
            assert [(await ask(transport, url)).body for _ in range(2)] == [b"ok", b"ok"]
        return count

    return run(main())


@pytest.mark.parametrize("packets", [1, 2])
def test_trailers_are_no_headers(packets: int) -> None:
    """RFC 9110, 6.5.1: they may not be merged into the head, where a content-encoding would be believed."""
    parts = (CHUNKED, chunked(b"ab") + b"0\r\nx-a: 2\r\ncontent-encoding: gzip\r\n\r\n")
    got = asked_once(replies(*(parts if packets == 2 else [b"".join(parts)])))
    assert got.body == b"ab"
    assert got.lines == [("x-a", "1"), ("transfer-encoding", "chunked")]
    assert got.headers == dict(got.lines)


def test_repeated_headers_are_joined_and_kept_apart_as_lines() -> None:
    got = asked_once(replies(ok(b"", b"Vary: a", b"X-Other: 1", b"vary:b ", b"VARY: c, d")))
    assert got.headers == {"vary": "a, b, c, d", "x-other": "1", "content-length": "0"}
    assert got.lines == [
        ("vary", "a"), ("x-other", "1"), ("vary", "b"), ("vary", "c, d"), ("content-length", "0"),
    ]  # fmt: skip


def test_header_values_are_latin_1() -> None:
    assert asked_once(replies(ok(b"", b"X-Name: caf\xe9"))).headers["x-name"] == "café"


@ON_BOTH_LOOPS
@pytest.mark.parametrize(
    "reply", [CONTINUE + HINTS + ok(b"yes"), CHUNKED + chunked(b"y") + chunked(b"es") + END_OF_BODY]
)
def test_a_reply_cut_into_packets_of_one_byte(reply: bytes, loop: str) -> None:
    got = asked_once(replies(*(bytes([byte]) for byte in reply)), loop)
    assert (got.status, got.body) == (200, b"yes")


@pytest.mark.parametrize(
    "headers",
    [
        (b"content-encoding: gzip",),
        (b"Content-Encoding: br",),
        (b"content-encoding: gzip", b"content-encoding: identity"),
    ],
)
def test_a_compressed_reply_is_refused(headers: tuple[bytes, ...]) -> None:
    assert failed_once(replies(ok(b"\x1f\x8b", *headers))) == "transient.protocol"


@pytest.mark.parametrize("encoding", [b"identity", b"Identity ", b""])
def test_a_reply_that_says_it_is_not_compressed_is_read(encoding: bytes) -> None:
    assert asked_once(replies(ok(b"as it is", b"content-encoding: " + encoding))).body == b"as it is"


@ON_BOTH_LOOPS
@pytest.mark.parametrize(
    "reply",
    [
        UPGRADE,
        UPGRADE + ok(b"yes"),
        b"HTTP/1.1 101 Switching Protocols\r\n\r\nanything",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ],
)
def test_what_is_no_reply_of_http_1_is_refused(reply: bytes, loop: str) -> None:
    assert failed_once(replies(reply), loop) == "transient.protocol"

"""Bytes that are no request, or nearly one: each connection is answered or closed in time."""

import contextlib
import select
import socket
from collections.abc import Iterator
from http import HTTPStatus
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.http.protocol import LINGER_S
from mockserver.http.reader import MAX_HEAD_BYTES
from tests.mockserver.server.fuzzing import Fuzzed, replies_in
from tests.mockserver.server.raw import hear
from tests.mockserver.server.running import start

QUICK = settings(max_examples=1_000, deadline=None, derandomize=True, database=None)
LONG = settings(
    max_examples=20_000,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)

_CHAT = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
_POST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\nx-primetime-tokens: 9\r\n"
)
_STREAMED = _CHAT[:-1] + b',"stream":true}'
_CHUNKED = _POST + b"transfer-encoding: chunked\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


def _sized(body: bytes) -> bytes:
    return _POST + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def _in_chunks(body: bytes) -> bytes:
    return _CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


UPGRADE = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"

# What comes, the statuses it is answered with, and whether the connection then goes on.
CASES: dict[str, tuple[bytes, list[int], bool]] = {
    "nul bytes": (b"\x00" * 1_000, [400], False),
    "nul in the target": (b"GET /heal\x00thz HTTP/1.1\r\nhost: x\r\n\r\n", [400], False),
    "nul in a header": (b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: a\x00b\r\n\r\n", [400], False),
    "tls hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xa5" * 300, [400], False),
    "http/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", [400], False),
    "h2c upgrade": (UPGRADE, [200], True),
    "many upgrades": (UPGRADE * 200, [200] * 200, True),
    "connect": (b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n", [404], True),
    "unknown version": (b"GET / HTTP/9.9\r\n\r\n", [400], False),
    "unknown method": (b"FROB / HTTP/1.1\r\nhost: x\r\n\r\n", [400], False),
    "http/1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", [200], False),
    "http/1.0, kept": (b"GET /healthz HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", [200], True),
    "blank lines first": (b"\r\n" * 50 + HEALTH, [200], True),
    "bare line feeds": (HEALTH.replace(b"\r\n", b"\n"), [400], False),
    "folded header": (b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: a\r\n b\r\n\r\n", [400], False),
    "no name": (b"GET /healthz HTTP/1.1\r\nhost: x\r\n: a\r\n\r\n", [400], False),
    "space before colon": (_POST + b"content-length : 3\r\n\r\nabc", [400], False),
    "length twice, equal": (_POST + b"content-length: 3\r\ncontent-length: 3\r\n\r\nabc", [400], False),
    "length twice": (_POST + b"content-length: 3\r\ncontent-length: 9\r\n\r\nabc", [400], False),
    "length list": (_POST + b"content-length: 3, 3\r\n\r\nabc", [400], False),
    "negative length": (_POST + b"content-length: -3\r\n\r\nabc", [400], False),
    "signed length": (_POST + b"content-length: +3\r\n\r\nabc", [400], False),
    "length of 2**80": (_POST + b"content-length: 1208925819614629174706176\r\n\r\nabc", [400], False),
    "length in hex": (_POST + b"content-length: 0x3\r\n\r\nabc", [400], False),
    "length and chunks": (
        _POST + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc",
        [400],
        False,
    ),
    "chunks and length": (
        _POST + b"transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\nabc",
        [400],
        False,
    ),
    "identity": (_POST + b"transfer-encoding: identity\r\n\r\nabc", [400], False),
    "not quite chunked": (_POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", [400], False),
    "chunked, then not": (
        _POST + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        [400],
        False,
    ),
    "chunk of no size": (_CHUNKED + b"zz\r\nabc\r\n", [400], False),
    "chunk of negative size": (_CHUNKED + b"-1\r\nabc\r\n", [400], False),
    "chunk of 2**72": (_CHUNKED + b"1000000000000000000\r\nabc\r\n", [400], False),
    "chunk too long": (_CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", [400], False),
    "chunks by line feeds": (_CHUNKED + b"3\nabc\n0\n\n", [400], False),
    "chunk extension and trailers": (
        _CHUNKED + b"%x;a=b\r\n%b\r\n0\r\nx: y\r\n\r\n" % (len(_CHAT), _CHAT),
        [200],
        True,
    ),
    "length in the trailers": (_in_chunks(_CHAT)[:-2] + b"content-length: 9\r\n\r\n", [400], False),
    "a chunk a byte": (
        _CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in _CHAT) + b"0\r\n\r\n",
        [200],
        True,
    ),
    "header flood": (b"GET /healthz HTTP/1.1\r\n" + b"x: y\r\n" * 200_000 + b"\r\n", [431], False),
    "long header": (b"GET /healthz HTTP/1.1\r\nx: " + b"y" * 1_000_000 + b"\r\n\r\n", [431], False),
    "headers without end": (b"GET /healthz HTTP/1.1\r\n" + b"x: %b\r\n" % (b"y" * 995) * 200, [431], False),
    "long target": (b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n", [431], False),
    "many small requests": (HEALTH * 2_000, [200] * 2_000, True),
    "right, then wrong": (_sized(_CHAT) + HEALTH + b"\xff\xff\r\n\r\n" + HEALTH, [200, 200, 400], False),
}


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Fuzzed]:
    server = Fuzzed(start("--profile", "instant"))
    yield server
    server.stop()


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_request_is_told_so(fuzzed: Fuzzed, name: str) -> None:
    sent, statuses, goes_on = CASES[name]
    with fuzzed.connect() as sock:
        _send(sock, sent + (HEALTH if goes_on else b""))
        wanted = [*statuses, HTTPStatus.OK] if goes_on else statuses
        data = b""
        while len(replies_in(data)) < len(wanted) or replies_in(data)[-1].body == b"":
            heard = hear(sock, silence_s=LINGER_S + 1, until=b"}")
            data += heard.data
            if heard.ending != "open":
                break
        assert [reply.status for reply in replies_in(data)] == wanted
        if not goes_on:
            assert hear(sock, silence_s=LINGER_S + 1).ending in {"closed", "reset"}
    fuzzed.is_well()


def test_half_a_request_holds_up_nobody_else(fuzzed: Fuzzed) -> None:
    whole = _in_chunks(_CHAT)
    begun = []
    for end in range(0, len(whole), 5):
        sock = fuzzed.connect()
        sock.sendall(whole[:end])
        begun.append((sock, end))
    fuzzed.is_well()
    for sock, end in begun:
        sock.sendall(whole[end:])
        assert hear(sock, until=b"}", silence_s=2).status == HTTPStatus.OK
        sock.close()


_ENDLESS = {
    "target": b"GET /",
    "header": b"GET /healthz HTTP/1.1\r\nx: ",
    "header name": b"GET /healthz HTTP/1.1\r\n",
    "trailer": _CHUNKED + b"1\r\na\r\n0\r\nx: ",
}


@pytest.mark.parametrize("what", _ENDLESS)
def test_what_never_ends_is_cut_short(fuzzed: Fuzzed, what: str) -> None:
    """Nobody has to hold more of it than a head may have, and some reads."""
    sent, most = 0, 64 * MAX_HEAD_BYTES
    with fuzzed.connect() as sock:
        sock.sendall(_ENDLESS[what])
        sock.settimeout(0.0)
        while sent < most and not select.select([sock], [], [], 0)[0]:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                sent += sock.send(b"y" * MAX_HEAD_BYTES)
        heard = hear(sock, silence_s=LINGER_S + 1, until=b"}")
    assert heard.data.startswith(b"HTTP/1.1 4"), (what, sent, heard)
    fuzzed.is_well()


_PIECES = st.sampled_from(
    [_sized(_CHAT), _sized(_STREAMED), _in_chunks(_CHAT), _in_chunks(_STREAMED), HEALTH, UPGRADE]
    + [case[0] for case in CASES.values() if len(case[0]) < 2_000]
    + [b"\r\n", b"\n", b" ", b"\x00", b"0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"expect: 100-continue\r\n"]
)


@st.composite
def _garbled(draw: st.DrawFn) -> bytes:
    """Whole requests and pieces of them, cut, overwritten and mixed with noise."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        piece = draw(_PIECES | st.binary(max_size=50))
        if draw(st.booleans()):
            start_at = draw(st.integers(0, len(piece)))
            piece = (
                piece[:start_at] + draw(st.binary(max_size=8)) + piece[start_at + draw(st.integers(0, 8)) :]
            )
        if draw(st.integers(0, 3)) == 0:
            piece = piece[: draw(st.integers(0, len(piece)))]
        parts.append(piece)
    return b"".join(parts)


def _survives(fuzzed: Fuzzed, data: bytes, cuts: list[int]) -> None:
    """However it is cut into writes, every reply is one, and none says that the server has failed."""
    spots = sorted({min(cut, len(data)) for cut in cuts})
    edges = [0, *spots, len(data)]
    parts = [data[start_at:end] for start_at, end in pairwise(edges)]
    heard = fuzzed.pour(parts)
    if b"HEAD " not in data:
        for reply in replies_in(heard):
            assert reply.status < HTTPStatus.INTERNAL_SERVER_ERROR, heard
    fuzzed.is_well()


@QUICK
@given(_garbled(), st.lists(st.integers(0, 600), max_size=3))
def test_whatever_comes_the_connection_ends_and_the_server_lives(
    fuzzed: Fuzzed, data: bytes, cuts: list[int]
) -> None:
    _survives(fuzzed, data, cuts)


@QUICK
@given(st.binary(max_size=2_000))
def test_noise_is_answered_or_left(fuzzed: Fuzzed, data: bytes) -> None:
    _survives(fuzzed, data, [])


@pytest.mark.parametrize("whole", [_sized(_CHAT), _in_chunks(_STREAMED), UPGRADE], ids=["a", "b", "c"])
def test_a_request_cut_anywhere_is_no_request(fuzzed: Fuzzed, whole: bytes) -> None:
    for end in range(0, len(whole), 7):
        replies = replies_in(fuzzed.pour([whole[:end]]))
        assert all(reply.status < HTTPStatus.INTERNAL_SERVER_ERROR for reply in replies)
    fuzzed.is_well()


@pytest.mark.slow
@pytest.mark.timeout(900)
@LONG
@given(_garbled(), st.lists(st.integers(0, 600), max_size=3))
def test_whatever_comes_again_and_again(fuzzed: Fuzzed, data: bytes, cuts: list[int]) -> None:
    _survives(fuzzed, data, cuts)


def _send(sock: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # it may be refused before it has sent all
        sock.sendall(data)

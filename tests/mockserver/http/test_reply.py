"""The bytes of a reply."""

from typing import Any, cast

import pytest

from mockserver.http.connection import Connection
from mockserver.http.message import HttpRequest
from mockserver.http.reply import Reply, chunk

DATE = b"date: Thu, 01 Jan 1970 00:00:05 GMT\r\n"


class Wire:
    """In place of a connection: what was sent."""

    def __init__(self) -> None:
        self.sent = b""

    def send(self, data: bytes) -> None:
        self.sent += data


def _reply(wire: Wire, method: str = "GET", *, keep_alive: bool = True, http_1_1: bool = True) -> Reply:
    request = HttpRequest(method, "/", "", {}, b"", keep_alive, http_1_1)
    return Reply(request, cast("Connection", wire), lambda: 5_999_999)


def test_a_whole_reply_has_its_length() -> None:
    wire = Wire()
    _reply(wire).whole(200, {"a": "b"}, b"hi")
    assert wire.sent == b"HTTP/1.1 200 OK\r\n" + DATE + b"a: b\r\ncontent-length: 2\r\n\r\nhi"


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (429, b"HTTP/1.1 429 Too Many Requests\r\n"),
        (529, b"HTTP/1.1 529 Site is overloaded\r\n"),
        (499, b"HTTP/1.1 499 Unknown\r\n"),
    ],
)
def test_every_status_has_a_phrase(status: int, line: bytes) -> None:
    wire = Wire()
    _reply(wire).whole(status, {}, b"")
    assert wire.sent.startswith(line)


def test_who_asks_for_the_head_gets_no_body() -> None:
    wire = Wire()
    reply = _reply(wire, "HEAD")
    reply.whole(200, {}, b"hi")
    assert wire.sent.endswith(b"content-length: 2\r\n\r\n")
    assert (reply.part(b"hi"), reply.end) == (b"", b"")


def test_who_will_not_be_kept_is_told() -> None:
    wire = Wire()
    _reply(wire, keep_alive=False).whole(200, {}, b"")
    assert b"connection: close\r\n" in wire.sent


def test_without_a_length_a_body_is_chunked() -> None:
    reply = _reply(Wire())
    head = reply.head(200, {}, None)
    assert b"transfer-encoding: chunked\r\n" in head
    assert b"content-length" not in head
    assert reply.part(b"x" * 16) == b"10\r\n" + b"x" * 16 + b"\r\n"
    assert reply.part(b"") == b""
    assert reply.end == b"0\r\n\r\n"


def test_an_old_caller_learns_the_end_of_such_a_body_from_the_end_of_the_connection() -> None:
    reply = _reply(Wire(), http_1_1=False)
    head = reply.head(200, {}, None)
    assert b"transfer-encoding" not in head
    assert b"connection: close\r\n" in head
    assert reply.closes
    assert (reply.part(b"hi"), reply.end) == (b"hi", b"")


def test_an_old_caller_who_asked_for_it_is_kept() -> None:
    wire = Wire()
    _reply(wire, http_1_1=False).whole(200, {}, b"")
    assert b"connection: keep-alive\r\n" in wire.sent


@pytest.mark.parametrize(("off", "size"), [(3, b"8"), (-2, b"3"), (-99, b"1")])
def test_a_chunk_may_lie_about_its_size_but_is_never_the_last(off: int, size: bytes) -> None:
    assert chunk(b"hello", off) == size + b"\r\nhello\r\n"


def test_text_that_no_header_can_hold_does_no_harm() -> None:
    wire = Wire()
    headers: dict[str, Any] = {"a": "ก"}
    _reply(wire).whole(200, headers, b"")
    assert b"a: ?\r\n" in wire.sent

"""Writing the reply to one request: whole, or in parts."""

from collections.abc import Callable

from mockserver.http.connection import Connection
from mockserver.http.head import reply_head
from mockserver.http.message import Headers, HttpRequest

_CLOSE = b"connection: close\r\n"
_CHUNKED = b"transfer-encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes, length_off: int = 0) -> bytes:
    """`data` as one chunk of a chunked body; its size may be told wrong, but never as the end."""
    return b"%x\r\n%b\r\n" % (max(1, len(data) + length_off), data)


class Reply:
    """The one reply to a request. `unix_us` is the wall clock, for the date.

    A reply without a length is chunked, or ends with the connection where the caller speaks HTTP/1.0.
    """

    __slots__ = ("_chunked", "_head_only", "_old", "_unix_us", "closes", "connection", "started")

    def __init__(self, request: HttpRequest, connection: Connection, unix_us: Callable[[], int]) -> None:
        self.connection = connection
        self.closes = not request.keep_alive
        self.started = False
        self._old = not request.http_1_1
        self._head_only = request.method == "HEAD"
        self._chunked = False
        self._unix_us = unix_us

    def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Everything at once."""
        data = self.head(status, headers, len(body))
        self.connection.send(data if self._head_only else data + body)

    def head(self, status: int, headers: Headers, length: int | None) -> bytes:
        """The head of the reply, to be sent by the caller; `length` is what it promises of its body."""
        self.started = True
        self._chunked = length is None and not self._old
        if length is None and self._old:
            self.closes = True
        framing = _CHUNKED if self._chunked else b"" if length is None else b"content-length: %d\r\n" % length
        if self.closes:
            framing += _CLOSE
        elif self._old:
            framing += b"connection: keep-alive\r\n"
        return reply_head(status, headers, framing, self._unix_us())

    def part(self, data: bytes, length_off: int = 0) -> bytes:
        """A part of the body as it goes over the wire."""
        if self._head_only or not data:
            return b""
        return chunk(data, length_off) if self._chunked else data

    @property
    def end(self) -> bytes:
        """What tells the caller that the body is complete."""
        return LAST_CHUNK if self._chunked and not self._head_only else b""

"""Requests out of the bytes of one connection, by httptools; with the bounds it does not set itself."""

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import httptools

from mockserver.http.message import Headers, HttpRequest, split_target

MAX_HEAD_BYTES = 65_536
# What is read of a message that is too large, so that its caller gets to read the answer; then no more is.
MAX_DISCARDED_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """What came is no request. It is answered with `status`, and nothing is read after it."""

    status: int
    message: str


class RequestReader:
    """Feed it what the socket gave. A body of more than `max_body_bytes` is read, but not kept."""

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._ready: list[HttpRequest] = []
        self.refusal: Refusal | None = None
        # The last request has been read: it ends with its head, and what follows it is not wanted.
        self._over = False
        # The head of the request under way has been read: it waits for its body, and may wait for our 100.
        self.in_body = False
        self.expects_continue = False
        self._upgrading: HttpRequest | None = None
        # Bytes that the parser holds and has said nothing of: a header without an end.
        self._untold_bytes = 0
        self.on_message_begin()

    def feed(self, data: bytes) -> list[HttpRequest]:
        """The requests that are complete now. Once `refusal` is set, no more will come."""
        self._ready = []
        while data and self.refusal is None and not self._over:
            data = self._parse(data)
        return self._ready

    def _parse(self, data: bytes) -> bytes:
        """Read on; gives what is still to be read."""
        self._untold_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.refusal is not None or self._over:
                return b""
            # A wish for another protocol, which a server may leave unfulfilled. The parser has stopped before
            # the body: another one reads it, behind a head that wishes for nothing.
            self._upgrading = self._ready.pop()
            self._parser = httptools.HttpRequestParser(self)
            return _plain_head(self._upgrading) + data[cast("int", upgrade.args[0]) :]
        except httptools.HttpParserError:
            self._refuse(400, "The request is not valid HTTP/1.1.")
        self._bound_head()
        if self._untold_bytes > MAX_HEAD_BYTES:
            self._refuse(431, f"A header of the request is larger than {MAX_HEAD_BYTES} bytes.")
        return b""

    def _refuse(self, status: int, message: str) -> None:
        if self.refusal is None:
            self.refusal = Refusal(status, message)

    def _count(self, size: int) -> None:
        """So many bytes have come."""
        self._untold_bytes = 0
        self._bytes += size
        if self._bytes > MAX_DISCARDED_BYTES:
            self._refuse(413, f"The request is larger than {MAX_DISCARDED_BYTES} bytes.")

    def _bound_head(self) -> None:
        """To be asked when a head is complete, and when no more of it has come."""
        if not self.in_body and self._bytes > MAX_HEAD_BYTES:
            self._refuse(431, f"The head of the request is larger than {MAX_HEAD_BYTES} bytes.")

    # What httptools calls.

    def on_message_begin(self) -> None:
        self._target = b""
        self._lines: list[tuple[bytes, bytes]] = []
        self._headers: Headers = {}
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._bytes = 0

    def on_url(self, part: bytes) -> None:
        self._count(len(part))
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._untold_bytes = 0
        self._bytes += len(name) + len(value)
        if not self.in_body:  # a trailer is no header
            self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        self._bound_head()
        headers = self._headers
        for name, value in self._lines:
            key, text = _key(name), value.decode("latin-1").rstrip()
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        self.in_body = True
        self._bytes = 0
        if self._headers.get("expect", "").lower() == "100-continue":
            self._expect_continue()

    def _expect_continue(self) -> None:
        """The caller waits for leave to send its body, unless it is of an age that does not wait."""
        if self._parser.get_http_version() != "1.1":
            return
        if int(self._headers.get("content-length", "0")) <= self._max_body_bytes:
            self.expects_continue = True
            return
        self._over = True
        self.in_body = False
        self._ready.append(self._request(None, keep_alive=False))

    def on_body(self, part: bytes) -> None:
        self._body_bytes += len(part)
        self._count(len(part))
        if self._body_bytes <= self._max_body_bytes:
            self._body.append(part)
        else:
            self._body.clear()

    def on_message_complete(self) -> None:
        if self._over:
            return
        self.in_body = self.expects_continue = False
        self._bytes = 0
        if self.refusal is not None:
            return
        body = b"".join(self._body) if self._body_bytes <= self._max_body_bytes else None
        if self._upgrading is not None:
            self._upgrading.body = body
            self._ready.append(self._upgrading)
            self._upgrading = None
            return
        self._ready.append(self._request(body, keep_alive=self._parser.should_keep_alive()))

    def _request(self, body: bytes | None, *, keep_alive: bool) -> HttpRequest:
        path, query = split_target(self._target.decode("latin-1"))
        return HttpRequest(
            self._parser.get_method().decode("latin-1"),
            path,
            query,
            self._headers,
            body,
            keep_alive=keep_alive,
            http_1_1=self._parser.get_http_version() == "1.1",
        )


@lru_cache(maxsize=256)
def _key(name: bytes) -> str:
    """A header's name in lower case: callers have few, and the same ones again and again."""
    return name.decode("latin-1").lower()


def _plain_head(request: HttpRequest) -> bytes:
    """A head with the same body behind it, which may have to wait for leave."""
    headers = request.headers
    head = b"POST / HTTP/1.1\r\n"
    if request.http_1_1 and headers.get("expect", "").lower() == "100-continue":
        head += b"expect: 100-continue\r\n"
    if "transfer-encoding" in headers:
        return head + b"transfer-encoding: chunked\r\n\r\n"
    return head + b"content-length: %b\r\n\r\n" % headers.get("content-length", "0").encode()

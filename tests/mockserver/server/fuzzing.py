"""A server under fuzz: every request has an answer in time, and the server says nothing and lives on."""

import contextlib
import http.client
import os
import socket
import time

from tests.mockserver.server.asking import Answered
from tests.mockserver.server.running import Mock

# An answer that takes longer is a hang: the profile is instant.
PATIENCE_S = 5.0
_HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
_NO_BODY = (204, 304)


class Fuzzed:
    """One server and one kept connection to it."""

    def __init__(self, mock: Mock) -> None:
        self._mock = mock
        self._sock: socket.socket | None = None
        assert mock.process.stderr is not None
        self._errors = mock.process.stderr.fileno()
        os.set_blocking(self._errors, False)

    def connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._mock.port), timeout=PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def ask(self, request: bytes) -> Answered:
        """One request on the kept connection, and its whole reply; a test fails without one."""
        try:
            return self._answer(request)
        except (OSError, http.client.HTTPException) as error:
            self.leave()
            raise AssertionError(f"no answer but {error!r}; the server said: {self._said()}") from error

    def _answer(self, request: bytes) -> Answered:
        self._sock = self._sock or self.connect()
        self._sock.sendall(request)
        with http.client.HTTPResponse(self._sock, method=request.partition(b" ")[0].decode()) as response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            answer = Answered(response.status, headers, response.read())
            if response.will_close:
                self.leave()
        return answer

    def leave(self) -> None:
        """Close the kept connection; the next request opens another."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def pour(self, parts: list[bytes]) -> bytes:
        """All that a fresh connection is answered with, once it has sent `parts` and closed its half."""
        with self.connect() as sock:
            with contextlib.suppress(OSError):  # it may be refused before it has sent all
                for part in parts:
                    sock.sendall(part)
                sock.shutdown(socket.SHUT_WR)
            return _heard(sock)

    def is_well(self) -> None:
        """It has said nothing, and answers."""
        assert self._said() == ""
        assert self._mock.process.poll() is None
        with self.connect() as sock:
            sock.sendall(_HEALTH)
            assert b" 200 OK\r\n" in sock.recv(65_536)

    def stop(self) -> None:
        """At its end nothing is left of what was asked, and it ends in order."""
        self.leave()
        self._mock.until("in_flight", 0)
        said = self._said()
        assert self._mock.stop() == 0
        assert said == ""

    def _said(self) -> str:
        try:
            return os.read(self._errors, 65_536).decode()
        except BlockingIOError:
            return ""


def replies_in(data: bytes) -> list[Answered]:
    """The replies in what was heard, one after the other; the last one may be cut off.

    Raises AssertionError for what is no reply. None may be one to HEAD.
    """
    found = []
    while data:
        head, blank, rest = data.partition(b"\r\n\r\n")
        if not blank:
            break
        first, *lines = head.decode("latin-1").split("\r\n")
        version, code, _ = first.split(" ", 2)
        assert version == "HTTP/1.1", first
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(code)
        if status < http.HTTPStatus.OK:
            data = rest
            continue
        body, data = _body(status, headers, rest)
        found.append(Answered(status, headers, body))
    return found


def _body(status: int, headers: dict[str, str], rest: bytes) -> tuple[bytes, bytes]:
    """The body, and what follows it."""
    if status in _NO_BODY:
        return b"", rest
    if headers.get("transfer-encoding") != "chunked":
        if "content-length" not in headers:
            assert headers["connection"] == "close"
            return rest, b""
        length = int(headers["content-length"])
        return rest[:length], rest[length:]
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body, rest = body + rest[:length], rest[length + 2 :]
        if length == 0:
            break
    return body, rest


def _heard(sock: socket.socket) -> bytes:
    """Everything until the connection ends; a test fails when it does not in time."""
    heard = b""
    end_s = time.monotonic() + PATIENCE_S
    while True:
        sock.settimeout(max(0.001, end_s - time.monotonic()))
        try:
            part = sock.recv(65_536)
        except ConnectionResetError:
            return heard
        if not part:
            return heard
        heard += part

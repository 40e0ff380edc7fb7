"""A caller on a bare socket: it sees every byte, and how the connection ends."""

import json
import socket
from dataclasses import dataclass
from typing import Any

from mockserver.clock import Clock
from tests.mockserver.server.running import Mock

CHAT_PATH = "/v1/chat/completions"
MESSAGES_PATH = "/v1/messages"


@dataclass(frozen=True)
class Heard:
    """What came back: the bytes, how it ended (`closed`, `reset` or `silent`), and when each part came."""

    data: bytes
    ending: str
    parts_us: tuple[int, ...]

    @property
    def head(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    @property
    def body(self) -> bytes:
        """The body, out of its chunks if it has any."""
        body = self.data.partition(b"\r\n\r\n")[2]
        return unchunked(body)[0] if b"transfer-encoding: chunked" in self.head.lower() else body

    @property
    def whole(self) -> bool:
        """Whether the body has the end that was promised."""
        body = self.data.partition(b"\r\n\r\n")[2]
        if b"transfer-encoding: chunked" in self.head.lower():
            return unchunked(body)[1]
        return len(body) == self.promised

    @property
    def promised(self) -> int:
        lines = self.head.lower().split(b"\r\n")
        return next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))

    @property
    def events(self) -> list[str]:
        """The data of its server-sent events."""
        blocks = self.body.decode().split("\n\n")[:-1]
        return [block.rpartition("data: ")[2] for block in blocks]


def unchunked(body: bytes) -> tuple[bytes, bool]:
    """The chunks of a body put together, and whether the last one was there."""
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return whole, True
        whole, body = whole + body[:length], body[length + 2 :]
    return whole, False


def send(
    mock: Mock, path: str = CHAT_PATH, headers: dict[str, str] | None = None, **fields: Any
) -> socket.socket:
    """A request on a socket of its own, whose answer nobody has read yet."""
    message = {"role": "user", "content": "hello"}
    body = json.dumps({"model": "m", "max_tokens": 50, "messages": [message]} | fields).encode()
    sent = {
        "host": "x",
        "authorization": "Bearer k",
        "anthropic-version": "2023-06-01",
        "x-primetime-tokens": "5",
        "content-length": str(len(body)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in (sent | (headers or {})).items())
    sock = socket.create_connection(("127.0.0.1", mock.port), timeout=5)
    sock.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
    return sock


def hear(sock: socket.socket, *, until: bytes | None = None, silence_s: float = 0.3) -> Heard:
    """Read until it ends, until nothing comes any more, or until the data ends with `until`."""
    sock.settimeout(silence_s)
    clock = Clock()
    data = b""
    parts_us: list[int] = []
    while until is None or not data.endswith(until):
        try:
            part = sock.recv(65_536)
        except TimeoutError:
            return Heard(data, "silent", tuple(parts_us))
        except ConnectionResetError:
            return Heard(data, "reset", tuple(parts_us))
        if not part:
            return Heard(data, "closed", tuple(parts_us))
        data += part
        parts_us.append(clock.now_us())
    return Heard(data, "open", tuple(parts_us))


def row(mock: Mock, call: int) -> dict[str, Any]:
    """The one line of the log about a call."""
    rows = mock.admin("GET", "/admin/requests")["requests"]
    (found,) = [row for row in rows if row["call"] == call]
    return dict(found)

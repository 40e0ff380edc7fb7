"""A server that answers as a list says, byte by byte, and keeps what it was asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Asked:
    """One request as it came."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """The values of a header."""
        return [value for key, value in self.headers if key == name]


@dataclass
class Server:
    """Where it listens, and what came."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def answering(*replies: bytes) -> AsyncIterator[Server]:
    """Each request is answered by the next of the replies, those beyond them by the last."""
    server = Server()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                asked = await _request(reader)
                writer.write(replies[min(len(server.asked), len(replies) - 1)])
                server.asked.append(asked)
                await writer.drain()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()


def reply(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    """A whole HTTP reply; `headers` are further lines."""
    lines = [f"HTTP/1.1 {status} Said", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *lines = head.rstrip().split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (each.partition(":") for each in lines)]
    if ("transfer-encoding", "chunked") in headers:
        return Asked(line, headers, await _chunked(reader))
    length = int(dict(headers).get("content-length", "0"))
    return Asked(line, headers, await reader.readexactly(length))


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body

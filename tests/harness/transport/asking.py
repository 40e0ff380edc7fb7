"""Asking the fast transport itself, without a client: on asyncio's loop, and on uvloop's as in a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import uvloop

from harness.policy.config import ConnectionsConfig
from harness.transport import fast
from harness.transport.base import HttpRequest, HttpResponse, TransportError
from tests.harness.transport.faults import Handler, serving

T = TypeVar("T")

#: For tests of what the loop itself decides; the rest run on asyncio's.
ON_BOTH_LOOPS = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


def run(main: Coroutine[Any, Any, T], loop: str = "asyncio") -> T:
    """Run on the loop of that name."""
    factory = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[loop]
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


@dataclass(frozen=True, slots=True)
class Got:
    """A whole reply, and the instants of its reads: the head's first."""

    status: int
    headers: Mapping[str, str]
    lines: list[tuple[str, str]]
    body: bytes
    reads_ns: list[int]


@asynccontextmanager
async def fast_transport(**connections: Any) -> AsyncIterator[fast.FastTransport]:
    """A fast transport with these settings, short of patience unless they say otherwise."""
    settings = {"max": 10, "keepalive": 10, "connect_timeout_s": 2.0, "read_timeout_s": 2.0}
    transport = fast.build(ConnectionsConfig(**{**settings, **connections}))
    try:
        yield transport
    finally:
        await transport.aclose()
        await asyncio.sleep(0)


async def ask(
    transport: fast.FastTransport,
    url: str,
    content: bytes = b"",
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
) -> Got:
    """One request and its whole reply. Raises TransportError."""
    response = await transport.open(HttpRequest(method, url, headers or {}, content))
    return await read(response)


async def read(response: HttpResponse) -> Got:
    """The rest of a reply; its connection is given back. Raises TransportError."""
    assert response.read_ns is not None
    reads_ns, parts = [response.read_ns], []
    try:
        async for chunk in response.chunks():
            parts.append(chunk)
            reads_ns.append(response.read_ns)
        return Got(response.status, response.headers, response.header_lines(), b"".join(parts), reads_ns)
    finally:
        await response.aclose()


async def failure(asked: Coroutine[Any, Any, object]) -> str:
    """Outcome and fault of what is asked, as a selector."""
    with pytest.raises(TransportError) as caught:
        await asked
    return f"{caught.value.outcome}.{caught.value.fault}"


async def take_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next request: its head and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    (length,) = (int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
    return head, await reader.readexactly(length)


def replies(*packets: bytes, close: bool = False) -> Handler:
    """The same reply to every request, in packets apart; with `close` it ends with the connection."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                await take_request(reader)
                for packet in packets:
                    writer.write(packet)
                    await writer.drain()
                    await asyncio.sleep(0.002)
                if close:
                    return

    return handler


def ok(body: bytes, *headers: bytes) -> bytes:
    """A whole reply with these header lines."""
    lines = b"".join(line + b"\r\n" for line in headers)
    return b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\n\r\n%b" % (lines, len(body), body)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every request is answered with its own body."""
    with suppress(asyncio.IncompleteReadError):
        while True:
            _, body = await take_request(reader)
            writer.write(ok(body))


def asked_once(handler: Handler, loop: str = "asyncio", **connections: Any) -> Got:
    """The reply of a handler to one empty request."""

    async def main() -> Got:
        async with serving(handler) as url, fast_transport(**connections) as transport:
            return await ask(transport, url)

    return run(main(), loop)


def failed_once(handler: Handler, loop: str = "asyncio", **connections: Any) -> str:
    """How one empty request to a handler fails."""

    async def main() -> str:
        async with serving(handler) as url, fast_transport(**connections) as transport:
            return await failure(ask(transport, url))

    return run(main(), loop)

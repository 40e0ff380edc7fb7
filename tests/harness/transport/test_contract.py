"""One contract for every transport: the same fault on the wire is the same outcome, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from harness import Attempt, CallError, ResilientClient
from harness.policy.config import ConnectionsConfig
from tests.harness.transport.backends import BACKENDS, backend_client
from tests.harness.transport.faults import (
    BODY,
    HEAD,
    Handler,
    answer,
    hang,
    read_request,
    reset,
    serving,
)

TIMEOUT_S = 0.4


async def close_before_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.close()


async def reset_before_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    reset(writer)


async def reset_inside_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(HEAD + BODY[:20])
    await writer.drain()
    await asyncio.sleep(0.05)
    reset(writer)


async def truncate_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(HEAD + BODY[:20])
    writer.close()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
    writer.close()


async def hang_after_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(HEAD)
    await hang(reader, writer)


async def hang_inside_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(HEAD + BODY[:20])
    await hang(reader, writer)


async def half_json(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n" + BODY[:20])


async def close_second_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(HEAD + BODY)
    await read_request(reader)
    writer.close()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(HEAD)
    with suppress(ConnectionError):
        for byte in BODY:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(TIMEOUT_S / 4)


def client_for(backend: str, url: str, seen: list[Attempt], **connections: object) -> ResilientClient:
    settings = {"max": 10, "keepalive": 10, "connect_timeout_s": TIMEOUT_S, "read_timeout_s": TIMEOUT_S}
    return backend_client(backend, url, seen, ConnectionsConfig(**{**settings, **connections}))  # type: ignore[arg-type]


async def ask(client: ResilientClient) -> None:
    with suppress(CallError):
        await client.generate_copy("สวัสดี")


def attempts(backend: str, handler: Handler, calls: int = 1) -> list[str]:
    """How `calls` attempts in a row against a handler end, as selectors."""

    async def main() -> list[Attempt]:
        seen: list[Attempt] = []
        async with serving(handler) as url, client_for(backend, url, seen) as client:
            for _ in range(calls):
                await ask(client)
        return seen

    return [a.selector for a in asyncio.run(main())]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (answer, "ok"),
        (hang, "timeout.read_timeout"),
        (close_before_headers, "transient.read"),
        (reset_before_headers, "transient.read"),
        (reset_inside_body, "transient.read"),
        (truncate_body, "transient.read"),
        (garbage, "transient.protocol"),
        (hang_after_headers, "timeout.read_timeout"),
        (hang_inside_body, "timeout.read_timeout"),
        (half_json, "malformed.body"),
    ],
)
def test_each_fault_on_the_wire_has_one_outcome(backend: str, handler: Handler, expected: str) -> None:
    assert attempts(backend, handler) == [expected]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_connection_is_used_again(backend: str) -> None:
    opened = 0

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await answer(reader, writer)

    assert attempts(backend, counting, calls=5) == ["ok"] * 5
    assert opened == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_kept_connection_closed_under_the_second_request_is_transient(backend: str) -> None:
    assert attempts(backend, close_second_request, calls=2) == ["ok", "transient.read"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_nobody_listening_is_a_failed_connect(backend: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    async def main() -> list[Attempt]:
        seen: list[Attempt] = []
        async with client_for(backend, f"http://127.0.0.1:{port}/v1", seen) as client:
            await ask(client)
        return seen

    assert [a.selector for a in asyncio.run(main())] == ["transient.connect"]


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose accept queue is full: the kernel drops further handshakes."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect(address)
        yield address[1]
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_full_backlog_is_a_connect_timeout(backend: str) -> None:
    async def main(port: int) -> list[Attempt]:
        seen: list[Attempt] = []
        async with client_for(backend, f"http://127.0.0.1:{port}/v1", seen) as client:
            await ask(client)
        return seen

    with full_backlog() as port:
        assert [a.selector for a in asyncio.run(main(port))] == ["timeout.connect_timeout"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_our_own_full_pool_is_local(backend: str) -> None:
    async def main() -> list[Attempt]:
        seen: list[Attempt] = []
        async with serving(drip) as url, client_for(backend, url, seen, max=1, keepalive=1) as client:
            first = asyncio.create_task(ask(client))
            await asyncio.sleep(0.1)
            await ask(client)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
        return seen

    assert asyncio.run(main())[0].selector == "local.pool"


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_reuse_each_request_opens_a_connection(backend: str) -> None:
    async def main() -> int:
        opened = 0

        async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal opened
            opened += 1
            await answer(reader, writer)

        async with serving(counting) as url, client_for(backend, url, [], reuse=False) as client:
            for _ in range(3):
                await ask(client)
        return opened

    assert asyncio.run(main()) == 3

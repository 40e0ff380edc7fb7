"""HTTPS on the fast transport, with a certificate of our own."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from harness.transport.base import HttpRequest
from harness.transport.fast.connection import MOST_UNREAD_BYTES
from mockserver.server.tls import self_signed
from tests.harness.transport.asking import (
    ON_BOTH_LOOPS,
    ask,
    echo,
    failure,
    fast_transport,
    ok,
    read,
    replies,
    run,
)
from tests.harness.transport.faults import hang, serving

MB = 1 << 20


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    return path, self_signed(path, "127.0.0.1")


@pytest.fixture
def server(certificate: tuple[Path, ssl.SSLContext]) -> ssl.SSLContext:
    return certificate[1]


@pytest.fixture
def trusted(certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's context; its certificate is all that clients trust."""
    path, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return context


@ON_BOTH_LOOPS
def test_an_untrusted_certificate_is_a_failed_connect(server: ssl.SSLContext, loop: str) -> None:
    async def main() -> None:
        async with serving(echo, server) as url, fast_transport(max=1) as transport:
            for _ in range(2):
                assert await failure(ask(transport, url)) == "transient.connect"
            assert (transport._pool._in_use, transport._pool._places) == (0, {})

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_trusted_certificate_carries_many_requests_on_one_connection(
    trusted: ssl.SSLContext, loop: str
) -> None:
    async def main() -> None:
        async with serving(echo, trusted) as url, fast_transport(max=1) as transport:
            await ask(transport, url)
            opened = list(transport._pool._places)
            for size in (0, 1, 3 * MB, 5):
                assert (await ask(transport, url, bytes(size))).body == bytes(size)
            assert list(transport._pool._places) == opened

    run(main(), loop)


@ON_BOTH_LOOPS
def test_tls_and_plain_are_two_origins(trusted: ssl.SSLContext, loop: str) -> None:
    async def main() -> None:
        async with (
            serving(echo, trusted) as url,
            serving(echo) as plain,
            fast_transport(max=2) as transport,
        ):
            assert (await ask(transport, url, b"a")).body == b"a"
            assert (await ask(transport, plain, b"b")).body == b"b"
            assert await failure(ask(transport, url.replace("https:", "http:"))) == "transient.read"

    run(main(), loop)


@ON_BOTH_LOOPS
@pytest.mark.parametrize(
    ("cut", "expected"),
    [(ok(b"whole")[:-2], "transient.read"), (b"", "transient.read"), (b"\0", "transient.protocol")],
)
def test_faults_of_a_reply_are_the_same_under_tls(
    trusted: ssl.SSLContext, cut: bytes, expected: str, loop: str
) -> None:
    async def main() -> None:
        async with serving(replies(cut, close=True), trusted) as url, fast_transport() as transport:
            assert await failure(ask(transport, url)) == expected

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_body_may_end_with_its_connection_under_tls(trusted: ssl.SSLContext, loop: str) -> None:
    async def main() -> None:
        handler = replies(b"HTTP/1.1 200 OK\r\n\r\nto the", b" end", close=True)
        async with serving(handler, trusted) as url, fast_transport() as transport:
            for _ in range(2):
                assert (await ask(transport, url)).body == b"to the end"

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_slow_reader_holds_the_server_back_under_tls(trusted: ssl.SSLContext, loop: str) -> None:
    async def main() -> None:
        async with serving(replies(ok(bytes(16 * MB))), trusted) as url, fast_transport() as transport:
            response = await transport.open(HttpRequest("POST", url, {}, b""))
            await asyncio.sleep(0.1)
            (connection,) = transport._pool._places
            assert connection._held_back
            assert connection._unread_bytes <= MOST_UNREAD_BYTES + MB // 2
            assert len((await read(response)).body) == 16 * MB

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_server_that_speaks_no_tls_is_a_failed_connect(loop: str) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 << 16)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await hang(reader, writer)

    async def main() -> None:
        async with serving(plain) as url, fast_transport() as transport:
            assert await failure(ask(transport, url.replace("http:", "https:"))) == "transient.connect"

    run(main(), loop)


@ON_BOTH_LOOPS
@pytest.mark.parametrize("loop_s", [60.0, 0.05])
def test_a_server_that_hangs_in_the_handshake_is_a_connect_timeout(
    loop: str, loop_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where that takes longer than the loop's own bound on handshakes."""
    monkeypatch.setattr("asyncio.constants.SSL_HANDSHAKE_TIMEOUT", loop_s)

    async def main() -> None:
        async with serving(hang) as url, fast_transport(max=1, connect_timeout_s=0.1) as transport:
            for _ in range(2):
                asked = ask(transport, url.replace("http:", "https:"))
                assert await failure(asked) == "timeout.connect_timeout"
            assert (transport._pool._in_use, transport._pool._places) == (0, {})

    run(main(), loop)


@ON_BOTH_LOOPS
def test_a_call_cancelled_in_the_handshake_leaves_nothing_behind(loop: str) -> None:
    hung_up = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hang(reader, writer)
        hung_up.set()

    async def main() -> None:
        async with serving(serve) as url, fast_transport(max=1) as transport:
            call = asyncio.create_task(ask(transport, url.replace("http:", "https:")))
            await asyncio.sleep(0.05)
            call.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await call
            assert caught.value.__cause__ is None
            assert (transport._pool._in_use, transport._pool._places) == (0, {})
            async with asyncio.timeout(1):
                await hung_up.wait()

    run(main(), loop)

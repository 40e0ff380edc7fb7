"""Where addresses lead the fast transport, and which are none."""

from __future__ import annotations

import socket

import pytest

from harness.transport.fast.target import MOST_KEPT, Heads
from tests.harness.transport.asking import ask, failure, fast_transport, ok, replies, run
from tests.harness.transport.faults import serving


@pytest.mark.parametrize(
    ("url", "origin", "host", "path"),
    [
        ("http://example.com/v1", ("example.com", 80, False), "example.com", "/v1"),
        ("https://example.com", ("example.com", 443, True), "example.com", "/"),
        ("https://example.com:443/", ("example.com", 443, True), "example.com", "/"),
        ("http://example.com:443/", ("example.com", 443, False), "example.com:443", "/"),
        ("HTTP://EXAMPLE.com:8000?q", ("example.com", 8000, False), "example.com:8000", "/?q"),
        ("http://[::1]:8000/v1", ("::1", 8000, False), "[::1]:8000", "/v1"),
        ("https://[2001:db8::1]/", ("2001:db8::1", 443, True), "[2001:db8::1]", "/"),
        ("http://user:secret@example.com/", ("example.com", 80, False), "example.com", "/"),
        ("http://bücher.example/", ("xn--bcher-kva.example", 80, False), "xn--bcher-kva.example", "/"),
        ("http://under_score.example./", ("under_score.example.", 80, False), "under_score.example.", "/"),
    ],
)
def test_an_address_is_an_origin_a_host_and_a_path(
    url: str, origin: tuple[str, int, bool], host: str, path: str
) -> None:
    target = Heads(b"").target(url)
    assert (target.origin.host, target.origin.port, target.origin.tls) == origin
    assert target.line == f"{path} HTTP/1.1\r\nhost: {host}\r\n".encode()


def test_addresses_of_one_origin_share_it() -> None:
    heads = Heads(b"")
    origin = heads.target("http://h/a").origin
    for number in range(2 * MOST_KEPT):
        assert heads.target(f"http://h:80/{number}").origin is origin
    assert heads.target("https://h/a").origin is not origin
    assert heads.target("http://h:8080/a").origin is not origin
    assert heads.target("http://h/a").origin is origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/v1",
        "example.com/v1",
        "//example.com/v1",
        "ftp://example.com/",
        "http:///v1",
        "http://",
        "http://[::1",
        "http://h:port/",
        "http://h:0/",
        "http://h:-1/",
        "http://h:65536/",
        "http://127.0.0.1:99999/",
        "http://h/a\r\nx-injected: 1",
        "http://h\nx/",
        "http://a..b/",
        f"http://{'a' * 64}.example/",
        "http://h/\ud800",
        "http://\ud800/",
        f"http://h/{'a' * 70_000}",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    async def main() -> None:
        async with fast_transport() as transport:
            for _ in range(2):
                assert await failure(ask(transport, url)) == "fatal.protocol"

    run(main())


def test_a_host_that_cannot_be_found_is_a_failed_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)

    async def main() -> None:
        async with fast_transport(max=1) as transport:
            for _ in range(2):
                assert await failure(ask(transport, "http://nowhere.invalid/")) == "transient.connect"

    run(main())


def test_one_transport_serves_many_addresses() -> None:
    async def main() -> None:
        async with (
            serving(replies(ok(b"a"))) as a,
            serving(replies(ok(b"b"))) as b,
            fast_transport(max=2) as transport,
        ):
            for _ in range(3):
                assert (await ask(transport, f"{a}/x")).body == b"a"
                assert (await ask(transport, f"{b}/x")).body == b"b"

    run(main())

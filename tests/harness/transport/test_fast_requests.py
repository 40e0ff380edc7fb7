"""What the fast transport writes: the request line, whose headers, and what it refuses to write."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

import pytest

from harness.transport.fast import FastTransport
from tests.harness.transport.asking import ask, echo, failure, fast_transport, ok, run, take_request
from tests.harness.transport.faults import serving

Heads = list[tuple[str, list[tuple[str, str]]]]


def _sent(
    *asked: tuple[Mapping[str, str], bytes], path: str = "", method: str = "POST", **settings: object
) -> Heads:
    """The request lines and headers as they arrive, of these headers and bodies."""
    heads: Heads = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                head, _ = await take_request(reader)
                line, *rest = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
                heads.append((line, [tuple(text.split(": ", 1)) for text in rest]))  # type: ignore[misc]
                writer.write(ok(b""))

    async def main() -> None:
        async with serving(keep) as url, fast_transport(**settings) as transport:
            for headers, content in asked:
                await ask(transport, url + path, content, headers, method)

    run(main())
    return heads


def _headers(headers: Mapping[str, str], content: bytes = b"", **settings: object) -> dict[str, str]:
    """The headers as they arrive; none comes twice."""
    ((_, lines),) = _sent((headers, content), **settings)
    assert len(dict(lines)) == len(lines)
    return dict(lines)


@pytest.mark.parametrize(
    ("method", "path", "line"),
    [
        ("POST", "/chat/completions", "POST /v1/chat/completions HTTP/1.1"),
        ("GET", "", "GET /v1 HTTP/1.1"),
        ("DELETE", "/files/a%2Fb?x=1&y=%20z", "DELETE /v1/files/a%2Fb?x=1&y=%20z HTTP/1.1"),
        ("POST", "/กาแฟ?q=ก", "POST /v1/%E0%B8%81%E0%B8%B2%E0%B9%81%E0%B8%9F?q=%E0%B8%81 HTTP/1.1"),
        ("POST", "?only=query#and-a-fragment", "POST /v1?only=query HTTP/1.1"),
    ],
)  # fmt: skip
def test_the_request_line(method: str, path: str, line: str) -> None:
    ((found, _),) = _sent(({}, b""), path=path, method=method)
    assert found == line


def test_the_transport_s_own_headers() -> None:
    found = _headers({}, b"12345")
    assert found.pop("host").startswith("127.0.0.1:")
    assert found == {"user-agent": "primetime", "accept-encoding": "identity", "content-length": "5"}


def test_without_reuse_the_server_is_told() -> None:
    assert _headers({}, reuse=False)["connection"] == "close"


def test_a_caller_s_headers_do_not_replace_the_transport_s_own() -> None:
    theirs = {
        "Host": "elsewhere",
        "Content-Length": "99",
        "Transfer-Encoding": "chunked",
        "CONNECTION": "upgrade",
        "Accept-Encoding": "gzip",
        "x-mine": "1",
    }
    found = _headers(theirs, b"12345")
    assert found.pop("host").startswith("127.0.0.1:")
    assert found == {
        "user-agent": "primetime", "accept-encoding": "identity", "content-length": "5", "x-mine": "1",
    }  # fmt: skip


def test_a_caller_s_own_user_agent_is_sent() -> None:
    assert _headers({"User-Agent": "theirs/1"})["user-agent"] == "theirs/1"


def test_a_header_named_twice_in_different_case_is_sent_once() -> None:
    assert _headers({"X-A": "1", "x-a": "2"})["x-a"] == "2"


def test_header_values_are_sent_as_latin_1() -> None:
    assert _headers({"x-name": "café", "x-empty": ""}) | {"host": ""} == {
        "host": "", "user-agent": "primetime", "accept-encoding": "identity", "content-length": "0",
        "x-name": "café", "x-empty": "",
    }  # fmt: skip


def test_heads_are_right_where_headers_alternate() -> None:
    a, b = MappingProxyType({"x-id": "a", "authorization": "Bearer a"}), {"x-id": "b", "user-agent": "b"}
    asked = [a, a, b, a, dict(a), {"x-id": "c"}, b, b, {}, a]
    lengths = range(len(asked))
    heads = _sent(*((headers, bytes(length)) for headers, length in zip(asked, lengths, strict=True)))
    for headers, length, (_, lines) in zip(asked, lengths, heads, strict=True):
        found = dict(lines)
        del found["host"], found["accept-encoding"]
        assert found == {"user-agent": "primetime", "content-length": str(length), **headers}


BAD = [
    {"x-a": "1\r\nx-injected: 1"},
    {"x-a": "1\nx-injected: 1"},
    {"x-a": "1\rx-injected: 1"},
    {"x-a": "1\r\n"},
    {"x-a\r\nx-injected": "1"},
    {"x-a": "1\r", "\nx-injected": "1"},
    {"x-a": "สวัสดี"},
    {"x-ก": "1"},
]


@pytest.mark.parametrize("bad", BAD)
def test_a_header_that_fits_on_no_line_of_its_own_is_refused(bad: dict[str, str]) -> None:
    """Before anything is sent; and it is not remembered as the headers of the requests before or after it."""

    async def main(transport: FastTransport, url: str) -> None:
        good = {"x-good": "1"}
        for headers in (bad, good, bad, bad, good):
            if headers is bad:
                assert await failure(ask(transport, url, b"", headers)) == "fatal.protocol"
            else:
                assert (await ask(transport, url, b"body", headers)).body == b"body"

    async def served() -> None:
        async with serving(echo) as url, fast_transport(max=1) as transport:
            await main(transport, url)

    run(served())

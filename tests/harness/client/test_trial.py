"""One cheap request, against the mock server and against what is none."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harness.client.endpoint import Endpoint
from harness.client.trial import try_out
from harness.errors import ConfigError
from harness.prices import Price, Prices
from harness.spending.amount import Amount, limit
from harness.spending.meter import Meter
from harness.spending.terms import Terms

KEY = "sk-proj-secret-0123456789"
PRICES = Prices("paper.toml", {"m": Price(1_000_000, 2_000_000)})
METER = Meter(tokens=True, prices=PRICES, strict=True)
TERMS = Terms(limit(requests=10), METER)


class Api(ThreadingHTTPServer):
    """Gives every request the same answer, and notes what it was asked."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = status, body
        self.asked: list[tuple[str, dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Api

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers, json.loads(body)))
        status, answer = self.server.answer
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    server = Api(*request.param)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


SERVED = {"choices": [{"message": {"content": "o"}, "finish_reason": "length"}]}
COUNTED = {**SERVED, "usage": {"prompt_tokens": 8, "completion_tokens": 1}}


@pytest.mark.parametrize("api", [(200, json.dumps(COUNTED).encode())], indirect=True)
def test_it_asks_for_one_token_once_and_costs_what_was_counted(api: Api) -> None:
    assert try_out(Endpoint(api.url, KEY), "m", TERMS) == Amount(1, 9, 8 * 1_000_000 + 2_000_000)
    ((path, headers, body),) = api.asked
    assert (path, body["max_tokens"], body["model"]) == ("/v1/chat/completions", 1, "m")
    assert headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("api", [(200, json.dumps(SERVED).encode())], indirect=True)
def test_a_reply_that_counts_nothing_costs_the_most_it_can(api: Api) -> None:
    cost = try_out(Endpoint(api.url, KEY), "m", TERMS)
    size = len(json.dumps(api.asked[0][2], separators=(",", ":")))
    assert cost == Amount(1, size + 1, size * 1_000_000 + 2_000_000)


@pytest.mark.parametrize(
    "api", [(401, json.dumps({"error": {"message": f"bad key {KEY}"}}).encode())], indirect=True
)
def test_no_key_is_shown_though_the_api_echoes_it(api: Api) -> None:
    with pytest.raises(ConfigError, match="refused the key") as caught:
        try_out(Endpoint(api.url, KEY), "m", TERMS)
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value.__context__)


@pytest.mark.parametrize("api", [(200, b"")], indirect=True)
def test_a_budget_that_does_not_even_cover_it_is_refused_before(api: Api) -> None:
    with pytest.raises(ConfigError, match="--max-usd, --max-requests, --max-tokens: expected enough"):
        try_out(Endpoint(api.url, KEY), "m", Terms(limit(tokens=5), METER))
    assert api.asked == []


def test_what_does_not_answer_in_http_is_said() -> None:
    async def main() -> None:
        async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            writer.close()

        server = await asyncio.start_server(babble, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(ConfigError, match="does not answer in HTTP"):
                await asyncio.to_thread(try_out, Endpoint(f"http://127.0.0.1:{port}/v1", KEY), "m", TERMS)

    asyncio.run(main())


def test_nobody_there_is_said() -> None:
    with pytest.raises(ConfigError, match=r"cannot be reached \(Connection refused\)"):
        try_out(Endpoint("http://127.0.0.1:9/v1", KEY), "m", TERMS)

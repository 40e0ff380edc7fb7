"""Who is measured: each peer makes the same chat request and returns the text of the reply."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import aiohttp
import httpx
import httpx_aiohttp
import tenacity

from harness import ResilientClient
from harness.client.messages import COPYWRITER, copy_messages
from harness.exchange.peer import read_body
from harness.model import Request
from harness.policy.config import Policy
from harness.policy.presets import TUNED
from harness.transport import fast, httpx_transport
from harness.transport.base import HttpRequest, HttpResponse, Transport
from harness.wire.openai import OpenAIWire
from tests.benchmarks import zero_server

PROMPT = "เขียนแคปชั่นขายครีมกันแดด SPF50 สำหรับผิวแพ้ง่าย โทนสนุก ไม่เกิน 2 บรรทัด พร้อมแฮชแท็ก 3 อัน"
KEY = "sk-benchmark"
MODEL, MAX_TOKENS, TEMPERATURE = "gpt-4.1", 1000, 0.7

OURS = "ours: tuned, aiohttp pool"
FAST = "ours: tuned, fast transport"
BARE_TRANSPORT = "our bare transport, aiohttp pool"
BARE_HTTPX = "bare httpx"
OPENAI = "openai SDK"
IN_PROCESS = "ours: tuned, no network"
BARE_IN_PROCESS = "no network, bare"
TOLD_LIMITS = "ours: tuned, no network, rate headers"
BARE_TOLD_LIMITS = "no network, rate headers, bare"

#: As OpenAI's API sends them, but so high that nothing ever waits.
RATE_HEADERS = {
    f"x-ratelimit-{what}-{kind}": str(10**12)
    for kind in ("requests", "tokens")
    for what in ("limit", "remaining")
}

_WIRE = OpenAIWire()
_BODY = _WIRE.encode(Request(copy_messages(PROMPT, COPYWRITER), MODEL, MAX_TOKENS, TEMPERATURE))
_HEADERS = _WIRE.headers(KEY)

Pool = Literal["aiohttp", "httpx"]

#: Makes one call; the text of its reply.
Call = Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class Peer:
    """A row: `open(url)` enters a client and gives its call. `needs` are modules that may be missing."""

    name: str
    open: Callable[[str], AbstractAsyncContextManager[Call]]
    in_process: bool = False
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> str | None:
        """The first module it needs that is not installed."""
        return next((name for name in self.needs if importlib.util.find_spec(name) is None), None)


@dataclass(frozen=True, slots=True)
class _Answer:
    """The zero-latency server's answer, without a server."""

    headers: Mapping[str, str]
    status: int = 200
    read_ns: int | None = None

    def header_lines(self) -> list[tuple[str, str]]:
        return list(self.headers.items())

    async def chunks(self) -> AsyncIterator[bytes]:
        yield zero_server.BODY

    async def aclose(self) -> None:
        return


class _Immediate:
    """A transport that answers in the next turn of the event loop: calls overlap as on a network."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._answer = _Answer({**zero_server.HEADERS, **headers})

    async def open(self, request: HttpRequest) -> HttpResponse:
        del request
        await asyncio.sleep(0)
        return self._answer

    async def aclose(self) -> None:
        return


def _tuned(pool: Pool) -> Policy:
    return replace(TUNED, connections=replace(TUNED.connections, pool=pool))


@asynccontextmanager
async def _ours(
    url: str, policy: Policy = TUNED, transport: Transport | None = None, *, on_fast: bool = False
) -> AsyncIterator[Call]:
    if on_fast:
        transport = fast.build(policy.connections)
    async with ResilientClient(url, KEY, policy=policy, transport=transport) as client:

        async def call() -> str:
            return (await client.generate_copy(PROMPT, MODEL, MAX_TOKENS, temperature=TEMPERATURE)).text

        yield call


@asynccontextmanager
async def _bare(url: str, make: Callable[[], Transport]) -> AsyncIterator[Call]:
    """A transport of ours without policies: open, read the body, parse it. The request is ready made."""
    transport = make()
    request = HttpRequest("POST", url + _WIRE.path, _HEADERS, _BODY)

    async def call() -> str:
        response = await transport.open(request)
        try:
            body = await read_body(response.chunks())
        finally:
            await response.aclose()
        reply = _WIRE.parse(response.status, response.headers, body).reply
        return reply.text if reply else ""

    yield call
    await transport.aclose()


def _over_pool(pool: Pool) -> Callable[[], Transport]:
    return partial(httpx_transport.build, _tuned(pool).connections)


def _immediate(headers: Mapping[str, str]) -> Callable[[], Transport]:
    return partial(_Immediate, headers)


@asynccontextmanager
async def _httpx(url: str, *, on_aiohttp: bool = False) -> AsyncIterator[Call]:
    """With its own limits: its pool looks at every idle connection for every request."""
    backend = httpx_aiohttp.AiohttpTransport() if on_aiohttp else None
    async with httpx.AsyncClient(transport=backend) as client:

        async def call() -> str:
            response = await client.post(url + _WIRE.path, content=_BODY, headers=_HEADERS)
            return _text(response.json())

        yield call


@asynccontextmanager
async def _aiohttp(url: str) -> AsyncIterator[Call]:
    async with aiohttp.ClientSession() as session:

        async def call() -> str:
            async with session.post(url + _WIRE.path, data=_BODY, headers=_HEADERS) as response:
                return _text(await response.json())

        yield call


@asynccontextmanager
async def _pyreqwest(url: str) -> AsyncIterator[Call]:
    """Rust's reqwest, which reads its sockets in threads of its own and does not tell when."""
    from pyreqwest.client import ClientBuilder  # noqa: PLC0415 - it may be missing

    async with ClientBuilder().no_proxy().build() as client:

        async def call() -> str:
            request = client.post(url + _WIRE.path).headers(_HEADERS).body_bytes(_BODY).build()
            response = await request.send()
            return _text(await response.json())

        yield call


@asynccontextmanager
async def _openai(url: str, *, on_ours: bool = False) -> AsyncIterator[Call]:
    import httpx2  # noqa: PLC0415 - the SDK and what it stands on may be missing
    import openai  # noqa: PLC0415

    from harness.sdk.httpx2_transport import ResilientTransport  # noqa: PLC0415

    http_client = httpx2.AsyncClient(transport=ResilientTransport(TUNED)) if on_ours else None
    async with openai.AsyncOpenAI(
        base_url=url, api_key=KEY, max_retries=0, http_client=http_client
    ) as client:

        async def call() -> str:
            reply = await client.chat.completions.create(
                model=MODEL,
                max_tokens=MAX_TOKENS,
                temperature=TEMPERATURE,
                messages=[{"role": "system", "content": COPYWRITER}, {"role": "user", "content": PROMPT}],
            )
            return reply.choices[0].message.content or ""

        yield call


@asynccontextmanager
async def _tenacity(url: str) -> AsyncIterator[Call]:
    """A fresh object a call, as concurrent calls need it, around a coroutine that does nothing."""
    del url

    async def nothing() -> str:
        return zero_server.TEXT

    async def call() -> str:
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_random_exponential(), reraise=True
        )
        return await retrying(nothing)

    yield call


def _text(document: dict[str, list[dict[str, dict[str, str]]]]) -> str:
    return document["choices"][0]["message"]["content"]


PEERS: tuple[Peer, ...] = (
    Peer(OURS, _ours),
    Peer(BARE_TRANSPORT, partial(_bare, make=_over_pool("aiohttp"))),
    Peer(FAST, partial(_ours, on_fast=True)),
    Peer("our bare transport, fast", partial(_bare, make=partial(fast.build, TUNED.connections))),
    Peer("ours: tuned, httpx pool", partial(_ours, policy=_tuned("httpx"))),
    Peer("our bare transport, httpx pool", partial(_bare, make=_over_pool("httpx"))),
    Peer(BARE_HTTPX, _httpx),
    Peer("bare httpx on httpx-aiohttp", partial(_httpx, on_aiohttp=True)),
    Peer("bare aiohttp", _aiohttp),
    Peer("bare pyreqwest", _pyreqwest, needs=("pyreqwest",)),
    Peer(OPENAI, _openai, needs=("openai", "httpx2")),
    Peer("openai SDK on our transport", partial(_openai, on_ours=True), needs=("openai", "httpx2")),
    Peer("tenacity alone", _tenacity, in_process=True),
    Peer(IN_PROCESS, partial(_ours, transport=_Immediate({})), in_process=True),
    Peer(BARE_IN_PROCESS, partial(_bare, make=_immediate({})), in_process=True),
    Peer(TOLD_LIMITS, partial(_ours, transport=_Immediate(RATE_HEADERS)), in_process=True),
    Peer(BARE_TOLD_LIMITS, partial(_bare, make=_immediate(RATE_HEADERS)), in_process=True),
)

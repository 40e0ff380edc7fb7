"""Four clients that ask the mock server once, each as its users would; all raise what they meet."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import aiohttp
import anthropic
import httpx
import openai

from tests.mockserver.server.raw import CHAT_PATH

# To connect; and aiohttp, the only one in need of a total timeout (see `seen`), has so many reads in all.
CONNECT_S = 5.0
READS_IN_ALL = 3

ASKED: dict[str, Any] = {
    "model": "m",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "เขียนแคปชั่นให้ร้านกาแฟ"}],
}

Kind = Literal["whole", "stream"]
# The port, the fault (none if empty), and the read timeout in seconds.
Caller = Callable[[int, str, Kind, float], Awaitable[None]]


def asking(fault: str) -> dict[str, str]:
    """Headers of a request for three tokens and a fault."""
    return {"x-primetime-tokens": "3"} | ({"x-mock-fault": fault} if fault else {})


async def by_httpx(port: int, fault: str, kind: Kind, read_s: float) -> None:
    """By httpx with its own pool."""
    url, headers = f"http://127.0.0.1:{port}{CHAT_PATH}", asking(fault) | {"authorization": "Bearer k"}
    async with (
        httpx.AsyncClient(
            timeout=httpx.Timeout(CONNECT_S, read=read_s), trust_env=False, verify=False
        ) as client,
        client.stream("POST", url, headers=headers, json=ASKED | {"stream": kind == "stream"}) as response,
    ):
        response.raise_for_status()
        if kind == "stream":
            async for line in response.aiter_lines():
                _read(line)
        else:
            json.loads(await response.aread())


async def by_aiohttp(port: int, fault: str, kind: Kind, read_s: float) -> None:
    """By aiohttp with the read timeout that httpx has, and a total one."""
    url, headers = f"http://127.0.0.1:{port}{CHAT_PATH}", asking(fault) | {"authorization": "Bearer k"}
    timeout = aiohttp.ClientTimeout(total=READS_IN_ALL * read_s, sock_read=read_s)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(url, headers=headers, json=ASKED | {"stream": kind == "stream"}) as response,
    ):
        response.raise_for_status()
        if kind == "stream":
            async for line in response.content:
                _read(line.decode())
        else:
            json.loads(await response.read())


async def by_openai_sdk(port: int, fault: str, kind: Kind, read_s: float) -> None:
    """By OpenAI's SDK without its retries."""
    url = f"http://127.0.0.1:{port}/v1"
    timeout = openai.Timeout(CONNECT_S, read=read_s)
    async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0, timeout=timeout) as client:
        reply: Any = await client.chat.completions.create(
            **ASKED, stream=kind == "stream", extra_headers=asking(fault)
        )
        if kind == "stream":
            async for _ in reply:
                pass
        else:
            assert reply.choices[0].message.content


async def by_anthropic_sdk(port: int, fault: str, kind: Kind, read_s: float) -> None:
    """By Anthropic's SDK without its retries."""
    url = f"http://127.0.0.1:{port}"
    timeout = anthropic.Timeout(CONNECT_S, read=read_s)
    async with anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0, timeout=timeout) as client:
        reply: Any = await client.messages.create(
            **ASKED, stream=kind == "stream", extra_headers=asking(fault)
        )
        if kind == "stream":
            async for _ in reply:
                pass
        else:
            assert reply.content[0].text


CALLERS: dict[str, Caller] = {
    "httpx": by_httpx,
    "aiohttp": by_aiohttp,
    "openai_sdk": by_openai_sdk,
    "anthropic_sdk": by_anthropic_sdk,
}


def _read(line: str) -> None:
    """The document in a line of server-sent events, if there is one."""
    data = line.strip().removeprefix("data: ")
    if data != line.strip() and data != "[DONE]":
        json.loads(data)

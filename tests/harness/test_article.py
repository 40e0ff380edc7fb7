"""The preset `article` against a transcription of the article's class, attempt by attempt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from random import Random

import httpx
import pytest

from harness import CallError, ResilientClient
from harness.policy.config import ConcurrencyConfig
from harness.policy.presets import ARTICLE
from harness.sim.loop import now_ns, run
from harness.transport.httpx_transport import HttpxTransport, build
from tests.harness.article_client import HolySheepAIClient

PERMITS = 6
CALLS = 160

GOOD = {
    "model": "gpt-4.1",
    "choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}

Attempts = list[tuple[float, str, str]]  # when it reached the server, its prompt, how it was answered
Ends = dict[str, float]  # when each call ended


class Server:
    """Answers by (seed, prompt, attempt): both clients meet the same evening, with a bad spell in it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.log: Attempts = []
        self._attempts: dict[str, int] = {}

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        prompt = json.loads(request.content)["messages"][-1]["content"]
        number = self._attempts[prompt] = self._attempts.get(prompt, 0) + 1
        rng = Random(f"{self.seed}/{prompt}/{number}")
        at_s = asyncio.get_running_loop().time()
        bad = 40 < at_s < 75
        kind = rng.choices(
            ["200", "429", "500", "401", "garbage", "connect", "connect timeout", "read timeout", "read"],
            [1, 6, 1, 0.2, 0.2, 2, 2, 1, 0.3] if bad else [20, 1, 0.5, 0.1, 0.1, 0.3, 0.2, 0.2, 0.3],
        )[0]
        self.log.append((round(at_s, 6), prompt, kind))
        await asyncio.sleep(10 if kind == "connect timeout" else rng.uniform(0.05, 3))
        return self._answer(kind, request)

    @staticmethod
    def _answer(kind: str, request: httpx.Request) -> httpx.Response:
        match kind:
            case "200":
                return httpx.Response(200, json=GOOD)
            case "garbage":
                return httpx.Response(200, content=b'{"choices": [')
            case "429" | "500" | "401":
                return httpx.Response(int(kind), json={"error": {"message": "no"}})
            case "connect":
                raise httpx.ConnectError("refused", request=request)
            case "connect timeout":
                raise httpx.ConnectTimeout("handshake", request=request)
            case "read timeout":
                raise httpx.ReadTimeout("silence", request=request)
            case _:
                raise httpx.ReadError("reset", request=request)


async def play(seed: int, call: Callable[[str], Awaitable[object]]) -> Ends:
    """The same calls at the same instants, over two and a half virtual minutes."""
    rng = Random(seed)
    loop = asyncio.get_running_loop()
    ends: Ends = {}

    async def one(prompt: str, at_s: float) -> None:
        await asyncio.sleep(at_s)
        await call(prompt)
        ends[prompt] = round(loop.time(), 6)

    await asyncio.gather(*(one(f"prompt {n}", rng.uniform(0, 150)) for n in range(CALLS)))
    return ends


def article(seed: int) -> tuple[Attempts, Ends]:
    server = Server(seed)

    async def main() -> Ends:
        loop = asyncio.get_running_loop()
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            subject = HolySheepAIClient(client, loop.time, PERMITS)

            async def call(prompt: str) -> None:
                await asyncio.gather(subject.generate_copy(prompt), return_exceptions=True)

            return await play(seed, call)

    return server.log, run(main())


def preset(seed: int) -> tuple[Attempts, Ends]:
    server = Server(seed)

    async def main() -> Ends:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            subject = ResilientClient(
                "http://api.test/v1",
                "sk-test",
                policy=replace(ARTICLE, concurrency=ConcurrencyConfig(limit=PERMITS)),
                transport=HttpxTransport(client),
                now_ns=now_ns,
            )

            async def call(prompt: str) -> None:
                try:
                    await subject.generate_copy(prompt)
                except CallError:
                    return

            return await play(seed, call)

    return server.log, run(main())


@pytest.mark.parametrize("seed", range(12))
def test_the_preset_sends_what_the_article_sends_when_it_sends_it(seed: int) -> None:
    theirs, their_ends = article(seed)
    ours, our_ends = preset(seed)

    assert ours == theirs
    assert our_ends == their_ends


def test_the_comparison_exercises_breaker_retries_and_every_answer() -> None:
    attempts = [article(seed)[0] for seed in range(12)]

    assert len({kind for log in attempts for _, _, kind in log}) == 9
    for log in attempts:
        prompts = [prompt for _, prompt, _ in log]
        assert len(set(prompts)) < CALLS  # the open breaker shut some out
        assert max(prompts.count(p) for p in prompts) == 3


def test_the_article_opens_for_a_minute_and_then_lets_everything_through() -> None:
    attempts, _ = article(0)
    times = [at_s for at_s, _, _ in attempts]
    longest = max(b - a for a, b in pairwise(times))

    # From the last attempt let through; the minute counts from the last failure to come in after it.
    assert 60 <= longest < 60 + 10


def test_the_article_s_connections_are_httpx_s_own_with_its_limits_and_timeouts() -> None:
    transport = build(ARTICLE.connections)

    assert transport._extensions == {"timeout": httpx.Timeout(60.0, connect=10.0).as_dict()}
    assert isinstance(transport._backend, httpx.AsyncHTTPTransport)
    assert transport._backend._pool._max_connections == 200
    assert transport._backend._pool._max_keepalive_connections == 50
    assert ARTICLE.concurrency.limit == 100

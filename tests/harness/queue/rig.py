"""A queue, workers in the test's own process, and an API that answers as a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random

import httpx

from harness import Policy, ResilientClient
from harness.policy.config import BreakerConfig, BudgetConfig, RetryConfig
from harness.queue import Queue, QueueSettings, Worker, WorkerSettings
from harness.transport.httpx_transport import HttpxTransport

#: One attempt a call, nothing else: what the queue does is seen alone.
ONCE = Policy(
    name="once",
    deadline_s=10.0,
    attempt_timeout_s=10.0,
    retry=RetryConfig(attempts=1),
    budget=BudgetConfig(kind="off"),
    breaker=BreakerConfig(kind="off"),
)

#: Waits of a hundredth of a second.
QUICK = WorkerSettings(concurrency=4, retry_base_s=0.01, retry_cap_s=0.01, idle_timeout_s=30.0)

DEFAULTS = QueueSettings()

Answer = Callable[[httpx.Request], Awaitable[httpx.Response]]


@dataclass(frozen=True, slots=True)
class Rig:
    """Where a test's queue is."""

    url: str
    name: str

    def queue(self, settings: QueueSettings = DEFAULTS) -> Queue:
        return Queue(self.url, name=self.name, settings=settings)

    @asynccontextmanager
    async def serving(
        self, api: Api, settings: WorkerSettings = QUICK, policy: Policy = ONCE, *, seed: int = 1
    ) -> AsyncIterator[Worker]:
        """A worker that runs while the block does, and is drained after it."""
        async with self.queue() as queue, api.client(policy) as client:
            worker = Worker(queue, client, settings, rng=Random(seed))
            running = asyncio.create_task(worker.run())
            try:
                yield worker
            finally:
                worker.stop()
                await asyncio.wait_for(running, 20)


class Api:
    """Answers every prompt with itself, or with what `answer` says; `requests` are the prompts in order."""

    def __init__(self, answer: Answer | None = None, delay_s: float = 0.0) -> None:
        self.requests: list[str] = []
        self.headers: list[httpx.Headers] = []
        self.bodies: list[dict[str, object]] = []
        self.delay_s = delay_s
        self._came = asyncio.Event()
        self._answer = answer

    def client(self, policy: Policy = ONCE) -> ResilientClient:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._handle))
        return ResilientClient(
            "http://api.test/v1", "sk-test", policy=policy, transport=HttpxTransport(http), send_ids=True
        )

    async def until(self, requests: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(20):
            while len(self.requests) < requests:
                self._came.clear()
                await self._came.wait()

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        prompt = body["messages"][-1]["content"]
        self.requests.append(prompt)
        self._came.set()
        self.headers.append(request.headers)
        self.bodies.append(body)
        if self._answer is not None:
            return await self._answer(request)
        await asyncio.sleep(self.delay_s)
        return reply(f"echo of {prompt}")


def reply(text: str) -> httpx.Response:
    """A usable reply."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    body = {"id": "c-1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
    return httpx.Response(200, json=body, headers={"x-request-id": "req_1"})


def always(status: int, **headers: str) -> Answer:
    """An API that says nothing else."""

    async def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"error": {"message": "no", "type": "t"}}, headers=headers)

    return answer


def prompt_of(request: httpx.Request) -> str:
    """What a request asks for."""
    return str(json.loads(request.content)["messages"][-1]["content"])


def with_tries(tries: int) -> WorkerSettings:
    """As QUICK, with so many tries."""
    return replace(QUICK, tries=tries)

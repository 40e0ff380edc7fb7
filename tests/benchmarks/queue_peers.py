"""Three queues that do the same: ours, bare streaQ, and a bare list of Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import uuid4

import streaq
from coredis import Redis

from harness import Policy, ResilientClient, clock
from harness.policy.config import AdmissionConfig, ConcurrencyConfig
from harness.queue import Queue, QueueSettings, Worker, WorkerSettings
from harness.transport.base import HttpRequest, HttpResponse
from harness.units import NS

#: Submitters at once, and jobs.
WIDTH = 50

PROMPT = "เขียนแคปชันร้านกาแฟในกรุงเทพ"
REPLY = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "กาแฟ" * 40}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 80, "total_tokens": 89},
    }
).encode()

#: In which streaQ stores the last results, once the last job has run.
STREAQ_ENDS_S = 0.1

POLICY = replace(
    Policy(), concurrency=ConcurrencyConfig(limit=2 * WIDTH), admission=AdmissionConfig(max_waiting=None)
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one queue did with its tasks: wall time of both halves, and CPU of this process for a task."""

    submit_s: float
    complete_s: float
    cpu_us: float


class Instant:
    """A transport that answers at once, so that the client costs itself and nothing more."""

    async def open(self, request: HttpRequest) -> HttpResponse:
        del request
        return _Answer()

    async def aclose(self) -> None:
        """Nothing is open."""


class _Answer:
    status = 200

    def __init__(self) -> None:
        self.headers = {"content-type": "application/json"}

    async def chunks(self) -> AsyncIterator[bytes]:
        yield REPLY

    async def aclose(self) -> None:
        """Nothing is open."""


async def timed(submit: Awaitable[object], complete: Callable[[], Awaitable[object]], tasks: int) -> Turn:
    """Both halves of a turn."""
    cpu_ns, began_ns = clock.cpu_ns(), clock.now_ns()
    await submit
    half_ns = clock.now_ns()
    await complete()
    end_ns = clock.now_ns()
    used_us = (clock.cpu_ns() - cpu_ns) / 1000 / tasks
    return Turn((half_ns - began_ns) / NS, (end_ns - half_ns) / NS, used_us)


async def at_once(tasks: int, one: Callable[[int], Awaitable[object]]) -> None:
    """All tasks, WIDTH at a time."""
    numbers = iter(range(tasks))

    async def some() -> None:
        for n in numbers:
            await one(n)

    await asyncio.gather(*(some() for _ in range(WIDTH)))


async def ours(url: str, tasks: int) -> Turn:
    """The queue and its worker, with a client that is answered at once."""
    settings = QueueSettings(max_depth=10**6)
    client = ResilientClient("http://127.0.0.1:9/v1", "sk-any", policy=POLICY, transport=Instant())
    async with Queue(url, name=uuid4().hex, settings=settings) as queue, client:
        worker = Worker(queue, client, WorkerSettings(concurrency=WIDTH))

        return await timed(
            at_once(tasks, lambda _: queue.submit(PROMPT)), lambda: worker.run(until_empty=True), tasks
        )


async def client_alone(url: str, tasks: int) -> Turn:
    """The same calls without any queue."""
    del url
    async with ResilientClient(
        "http://127.0.0.1:9/v1", "sk-any", policy=POLICY, transport=Instant()
    ) as client:
        return await timed(
            asyncio.sleep(0), lambda: at_once(tasks, lambda _: client.generate_copy(PROMPT)), tasks
        )


async def bare_streaq(url: str, tasks: int) -> Turn:
    """StreaQ with a job that returns the reply: no bound, no key, no fence, a result."""
    left = tasks
    done = asyncio.Event()
    name = uuid4().hex
    submitter, worker = (
        streaq.Worker[None](
            redis_url=url,
            queue_name=name,
            concurrency=WIDTH,
            prefetch=1,
            serializer=json.dumps,
            deserializer=json.loads,
        )
        for _ in range(2)
    )

    async def job(prompt: str) -> str:
        nonlocal left
        del prompt
        left -= 1
        if left == 0:
            done.set()
        return REPLY.decode()

    worker.task(silent=True, name="job")(job)
    asked = submitter.task(silent=True, name="job")(job)

    async def enqueue(_: int) -> None:
        await asked.enqueue(PROMPT)

    async def run() -> None:
        running = asyncio.create_task(worker.run_async())
        await done.wait()
        await asyncio.sleep(STREAQ_ENDS_S)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    async with submitter:
        return await timed(at_once(tasks, enqueue), run, tasks)


async def bare_list(url: str, tasks: int) -> Turn:
    """A list: pushed, popped, the result set. What a worker holds when it dies is lost."""
    name = uuid4().hex
    async with Redis.from_url(url, decode_responses=True) as redis:

        async def serve(_: int) -> None:
            popped = await redis.lpop(name)
            assert popped is not None
            await redis.set(f"{name}:{uuid4().hex}", REPLY.decode(), ex=300)

        return await timed(
            at_once(tasks, lambda _: redis.rpush(name, [PROMPT])), lambda: at_once(tasks, serve), tasks
        )


PEERS: dict[str, Callable[[str, int], Awaitable[Turn]]] = {
    "harness.queue": ours,
    "bare streaQ": bare_streaq,
    "bare Redis list": bare_list,
    "client, no queue": client_alone,
}

"""Three ways to have work done through one server: our queue, bare streaQ, and a bare list.

Each takes prompts and a job that answers at once, and keeps the answer. What is measured is what is around a
call, not the call.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import streaq
from coredis import Redis
from coredis.retry import NoRetryPolicy

from harness.model import Event, Reply, Usage
from harness.policy.presets import preset
from harness.queue import Queue, QueueSettings, Worker, WorkerSettings
from harness.queue.address import Address, address_of
from harness.queue.connection import connect
from harness.queue.engine import deserialized, serialized

TEXT = "แคปชันสั้น ๆ ของร้านกาแฟในกรุงเทพ"
PROMPT = "เขียนแคปชันร้านกาแฟในกรุงเทพ"

OURS, STREAQ, LIST = "harness.queue", "bare streaQ", "bare list"

Ended = Callable[[], None]


class Peer(Protocol):
    """One way, on a queue of its own. `work` runs until it is cancelled and calls `ended` for every task."""

    async def submit(self) -> None:
        """Have one prompt accepted."""

    async def work(self, at_once: int, ended: Ended) -> None:
        """Serve, so many at once."""

    async def whole(self) -> None:
        """Submit one, and wait for its answer."""


class NoApi:
    """In place of the client: answers at once."""

    policy = preset("tuned")

    def listen(self, _: Callable[[Event], None]) -> None:
        """It tells nothing."""

    async def generate_copy(self, *_: object, **__: object) -> Reply:
        """The text."""
        return Reply(TEXT, "m", "stop", Usage(10, 20))


@dataclass
class Ours:
    """Our queue: idempotency, deadlines, fencing, dead letters, counts."""

    queue: Queue

    async def submit(self) -> None:
        await self.queue.submit(PROMPT)

    async def work(self, at_once: int, ended: Ended) -> None:
        committed = self.queue.run

        async def run(step: Any, /, *arguments: Any) -> Any:
            reply = await committed(step, *arguments)
            if step == "commit":
                ended()
            return reply

        self.queue.run = run  # type: ignore[method-assign]  # it hears of every commit
        worker = Worker(self.queue, NoApi(), WorkerSettings(concurrency=at_once))  # type: ignore[arg-type]
        await worker.run()

    async def whole(self) -> None:
        result = await self.queue.wait(await self.queue.submit(PROMPT))
        if result.text != TEXT:
            raise ValueError(f"the answer is not the job's: {result}")


@dataclass
class Bare:
    """streaQ as it comes, but for JSON in place of pickle."""

    submitter: "Streaq"
    worker: "Streaq"

    async def submit(self) -> None:
        await self.submitter.copy.enqueue(PROMPT)

    async def work(self, _at_once: int, ended: Ended) -> None:
        self.worker.ended = ended  # how many at once, it was told when it was made
        await self.worker.engine.run_async()

    async def whole(self) -> None:
        task = await self.submitter.copy.enqueue(PROMPT)
        result = await task.result(timeout=10)
        if result.result != TEXT:
            raise ValueError(f"the answer is not the job's: {result}")


class Streaq:
    """A worker of streaQ with one task."""

    def __init__(self, address: Address, name: str, at_once: int) -> None:
        self.ended: Ended = lambda: None
        self.engine: streaq.Worker[None] = streaq.Worker(
            redis_url=address.url,
            redis_kwargs={"retry_policy": NoRetryPolicy(), **address.options},
            queue_name=name,
            concurrency=at_once,
            serializer=serialized,
            deserializer=deserialized,
        )
        self.copy = self.engine.task(name="copy", silent=True)(self._copy)

    async def _copy(self, _prompt: str) -> str:
        self.ended()
        return TEXT


@dataclass
class List:
    """LPUSH, BLMOVE into a list of those under way, then SET of the answer and LREM."""

    redis: Redis[str]
    name: str
    number: int = 0

    async def submit(self) -> None:
        self.number += 1
        task = json.dumps({"id": self.number, "prompt": PROMPT})
        await self.redis.lpush(self.name, [task])

    async def work(self, at_once: int, ended: Ended) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(self._serve(ended))

    async def whole(self) -> None:
        await self.submit()
        key = f"{self.name}:told:{self.number}"
        found = await self.redis.blpop([key], timeout=10)
        if found is None or found[1] != TEXT:
            raise ValueError(f"the answer is not the job's: {found}")

    async def _serve(self, ended: Ended) -> None:
        from coredis.tokens import PureToken  # noqa: PLC0415

        under_way = f"{self.name}:under-way"
        while True:
            taken = await self.redis.blmove(self.name, under_way, PureToken.RIGHT, PureToken.LEFT, timeout=1)
            if taken is None:
                continue
            number = json.loads(taken)["id"]
            async with self.redis.pipeline(transaction=True) as pipe:
                pipe.rpush(f"{self.name}:told:{number}", [TEXT])
                pipe.expire(f"{self.name}:told:{number}", 300)
                pipe.lrem(under_way, 1, taken)
            ended()


@asynccontextmanager
async def opened(kind: str, url: str, name: str, at_once: int) -> AsyncIterator[Peer]:
    """A peer with an empty queue of that name."""
    address = address_of(url)
    async with AsyncExitStack() as stack:
        if kind == OURS:
            settings = QueueSettings(max_depth=1_000_000)
            yield Ours(await stack.enter_async_context(Queue(url, name=name, settings=settings)))
        elif kind == STREAQ:
            submitter = Streaq(address, name, at_once)
            await stack.enter_async_context(submitter.engine)
            yield Bare(submitter, Streaq(address, name, at_once))
        else:
            yield List(await stack.enter_async_context(connect(address)), name)


@asynccontextmanager
async def serving(peer: Peer, at_once: int, ended: Ended) -> AsyncIterator["asyncio.Task[None]"]:
    """The peer's worker, while the block runs."""
    task = asyncio.create_task(peer.work(at_once, ended))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})

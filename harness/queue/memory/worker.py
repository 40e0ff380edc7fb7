"""A worker in the queue's own process: the jobs are those of `harness.queue.Worker`, the engine is this."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from random import Random

from harness.client.client import ResilientClient
from harness.queue.jobs import EXPIRED, Jobs
from harness.queue.later import Later
from harness.queue.memory.queue import MemoryQueue
from harness.queue.settings import (
    BEATS,
    PREFETCH,
    SWEEP,
    SWEEP_EVERY_S,
    WorkerSettings,
    idle_timeout_of,
    jobs_of,
)


class MemoryWorker:
    """Serves a queue's tasks until `stop`. `name` is no other worker's; `rng` draws the jitter of waits."""

    def __init__(
        self,
        queue: MemoryQueue,
        client: ResilientClient,
        settings: WorkerSettings,
        name: str,
        rng: Random,
        now_ns: Callable[[], int],
    ) -> None:
        self.concurrency = jobs_of(settings, client.policy)
        self._queue = queue
        self._idle_timeout_s = idle_timeout_of(settings, client.policy)
        self._stop = asyncio.Event()
        self._jobs = Jobs(queue, client, settings, name, self._stop, self._idle_timeout_s, rng, now_ns)
        self._fetched: deque[tuple[str, str]] = deque()
        self._running = 0
        self._rested = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        # Jobs begin within a submitter's call: what is set in its context is none of theirs.
        self._context = copy_context()

    @property
    def room(self) -> int:
        """How many tasks it would fetch now."""
        if self._stop.is_set():
            return 0
        return self.concurrency + PREFETCH - self._running - len(self._fetched)

    def receive(self, tasks: list[tuple[str, str]]) -> None:
        """Tasks handed to it."""
        self._fetched.extend(tasks)
        self._begin()

    def abort(self, task_id: str) -> None:
        """End a task, if it runs here: somebody has cancelled it."""
        self._jobs.abort(task_id)

    def stop(self) -> None:
        """Take no more tasks, and finish what is under way."""
        self._stop.set()

    async def run(self) -> None:
        """Serve until `stop`. Raises what goes wrong in a job, as no job should."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            always = [group.create_task(self._beat()), group.create_task(self._sweep())]
            self._queue.enlist(self)
            await self._stop.wait()
            left = list(self._fetched)
            self._fetched.clear()
            self._queue.dismiss(self, left)
            while self._running:
                self._rested.clear()
                await self._rested.wait()
            for task in always:
                task.cancel()

    def _begin(self) -> None:
        while self._fetched and self._running < self.concurrency and self._group is not None:
            self._running += 1
            job = self._job(*self._fetched.popleft())
            self._group.create_task(job, context=self._context.copy())

    async def _job(self, task_id: str, priority: str) -> None:
        try:
            await self._jobs.run(task_id)
        except Later as later:
            self._queue.again(task_id, priority, later.delay_s)
        finally:
            self._running -= 1
            self._rested.set()
        self._begin()
        self._queue.wants(self)

    async def _beat(self) -> None:
        while True:
            await self._jobs.beat()
            await asyncio.sleep(self._idle_timeout_s / BEATS)

    async def _sweep(self) -> None:
        """End tasks whose deadline passes while they wait."""
        while True:
            await self._queue.run("sweep", EXPIRED, SWEEP, *self._queue.remembering)
            await asyncio.sleep(SWEEP_EVERY_S)

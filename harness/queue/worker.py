"""A worker: takes tasks up, calls the API through one resilient client, and commits what came of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random
from uuid import uuid4

from streaq.types import StreamMessage

from harness import clock
from harness.client.client import ResilientClient
from harness.queue.connection import translated
from harness.queue.engine import GROUP, Engine, engine_data
from harness.queue.errors import QueueError, ServerRefused
from harness.queue.jobs import CANCELLED, EXPIRED, Jobs
from harness.queue.queue import Queue
from harness.queue.settings import (
    BEATS,
    SWEEP,
    SWEEP_EVERY_S,
    WorkerSettings,
    grace_of,
    idle_timeout_of,
    jobs_of,
)
from harness.units import NS

log = logging.getLogger("harness.queue")

_AGAIN_S = 0.2
_AGAIN_CAP_S = 5.0


class Worker:
    """Serves a queue's tasks until it is told to stop. One a process: `run` is its life.

    `client` makes the calls of all jobs, so that its policy holds for all of them together. `rng` draws the
    jitter of waits. What a worker held when it was killed is taken up by another after the idle timeout.
    """

    def __init__(
        self,
        queue: Queue,
        client: ResilientClient,
        settings: WorkerSettings = WorkerSettings(),  # noqa: B008 - frozen
        *,
        rng: Random | None = None,
    ) -> None:
        self.queue = queue
        self.settings = settings
        self.identity = uuid4().hex[:12]
        self.idle_timeout_s = idle_timeout_of(settings, client.policy)
        self.concurrency = jobs_of(settings, client.policy)
        self.grace_s = grace_of(settings, client.policy)
        self._stop = asyncio.Event()
        self.jobs = Jobs(
            queue, client, settings, self.identity, self._stop, self.idle_timeout_s, rng or Random()
        )

    def stop(self) -> None:
        """Take no more tasks; finish what is under way within the grace, and hand back the rest."""
        self._stop.set()

    def hurry(self) -> None:
        """Stop, and hand back at once what is under way."""
        self._stop.set()
        self.jobs.hand_back()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    async def run(self, *, until_empty: bool = False) -> None:
        """Serve until `stop`, or with `until_empty` until nothing waits, runs or is delayed.

        The queue has to be open. A server that goes away is waited for, without end. Raises ServerRefused
        when it will not let us in.
        """
        async with self._alive():
            if until_empty:
                watch = asyncio.create_task(self._stop_when_empty())
                try:
                    await self._serve()
                finally:
                    watch.cancel()
            else:
                await self._serve()

    async def _serve(self) -> None:
        """The engine, again and again while the server comes and goes."""
        wait_s = _AGAIN_S
        while not self._stop.is_set():
            engine = Engine(
                self.queue.address,
                self.queue.name,
                identity=self.identity,
                concurrency=self.concurrency,
                idle_timeout_s=self.idle_timeout_s,
                job=self.jobs.run,
                aborted=self.jobs.abort,
                unrun=self._unrun,
                stopped=self._stop.wait,
            )
            try:
                with translated(self.queue.address):
                    await engine.run_async()
                wait_s = _AGAIN_S
            except ServerRefused:
                raise
            except QueueError as error:
                log.warning("%s; trying again", error)
                await self._pause(wait_s)
                wait_s = min(2 * wait_s, _AGAIN_CAP_S)
            with suppress(QueueError):
                await self.queue.revive()
                await self._hand_over()

    async def _hand_over(self) -> None:
        """Nothing runs: what was fetched goes to others, or to our own next engine."""
        handed = await self.queue.run("leave", self.identity, GROUP)
        if handed:
            log.info("handed back %s tasks that were fetched and not begun", handed)

    @asynccontextmanager
    async def _alive(self) -> AsyncIterator[None]:
        """Signs of life, and the end of the grace, while the worker runs."""
        always = (self._beat, self._sweep, self._end_of_grace)
        tasks = [asyncio.create_task(one()) for one in always]
        try:
            yield
        finally:
            await _cancelled(tasks)

    async def _beat(self) -> None:
        while True:
            try:
                await self.jobs.beat()
            except QueueError as error:
                log.warning("no sign of life: %s", error)
            await asyncio.sleep(self.idle_timeout_s / BEATS)

    async def _end_of_grace(self) -> None:
        await self._stop.wait()
        await asyncio.sleep(self.grace_s)
        self.jobs.hand_back()

    async def _stop_when_empty(self) -> None:
        while True:
            with suppress(QueueError):
                metrics = await self.queue.metrics()
                if not metrics.waiting and not metrics.processing:
                    self.stop()
                    return
            await asyncio.sleep(_AGAIN_S)

    async def _pause(self, wait_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), wait_s)

    async def _unrun(self, message: StreamMessage, cancelled: bool) -> bool:  # noqa: FBT001 - the engine's call
        """The engine will not run this; whether its task is one of ours: it has ended, or a new message."""
        if cancelled:
            await self.queue.run("cancel", message.task_id, CANCELLED, *self.queue.remembering)
        data = engine_data(clock.wall_ns() // (NS // 1000))
        arguments = (message.task_id, data, GROUP, message.priority, message.message_id)
        return bool(await self.queue.run("restore", *arguments) != "unknown")

    async def _sweep(self) -> None:
        """End tasks whose deadline passes while they wait, however long the line is."""
        while True:
            with suppress(QueueError):
                await self.queue.run("sweep", EXPIRED, SWEEP, *self.queue.remembering)
            await asyncio.sleep(SWEEP_EVERY_S)


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End tasks. The server's client may swallow a cancellation while it connects: it is said again, then."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)

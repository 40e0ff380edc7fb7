"""The evening through a queue: who submits, the workers between them and the API, and how the queue stood."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict

from harness.client import ResilientClient
from harness.client.calls import next_tag
from harness.client.endpoint import DEFAULT_MODELS
from harness.model import NO_TAG, Call, CallFinished, Event
from harness.play.context import current_arrival
from harness.queue.errors import QueueError, QueueFull, UnknownTask
from harness.queue.memory.queue import MemoryQueue
from harness.queue.memory.worker import MemoryWorker
from harness.queue.tasks import CopywritingTask, TaskResult, TaskStatus
from harness.queued.ending import Submission, ended, lost, refused, withdrawn
from harness.record.cells import Note
from harness.rng import stream
from reports.reading.run import QueueUsed
from reports.virtual.queue_plan import QueuePlan
from reports.virtual.told import FIRST_WORKER, FromWorker, Told

#: Between two looks at how the queue stands; as the real submitter looks.
SAMPLE_S = 0.5

SERVER, NAME = "in memory", "virtual"

LEFT = "left in the queue when the run's time to drain it was over"


class QueuedCalls:
    """Every call is a task; its record is its submitter's. `tell` is given what happens.

    `clients` are the workers' own. The queue's steps take no time: a task is accepted the moment it is
    submitted.
    """

    def __init__(
        self,
        plan: QueuePlan,
        clients: Sequence[ResilientClient],
        seed: int,
        now_ns: Callable[[], int],
        tell: Callable[[Told], None],
    ) -> None:
        self._now_ns = now_ns
        self._tell = tell
        self._queue = MemoryQueue(plan.queue, now_ns, name=NAME)
        self._workers = [
            MemoryWorker(self._queue, client, plan.worker, f"w{k}", stream(seed, "worker", k), now_ns)
            for k, client in enumerate(clients)
        ]
        self._serving: list[asyncio.Task[None]] = []
        self._sampling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to serve."""
        self._serving = [asyncio.create_task(worker.run()) for worker in self._workers]
        self._sampling = asyncio.create_task(self._sample())

    async def stop(self) -> None:
        """End the workers, whose tasks have all ended. Raises what went wrong in one."""
        if self._sampling is not None:
            self._sampling.cancel()
        for worker in self._workers:
            worker.stop()
        await asyncio.gather(*self._serving)

    async def call(self) -> None:
        """The present arrival's task, from its submission to its end."""
        arrival, tags = current_arrival.get(), next_tag.get()
        if arrival is None:
            return
        tag = tags() if tags else NO_TAG
        sent = Submission(tag, DEFAULT_MODELS["openai"], self._now_ns())
        task = CopywritingTask(
            prompt=arrival.prompt, model=sent.model, max_tokens=arrival.max_tokens, tag=tag
        )
        try:
            task_id = await self._queue.submit(task)
        except QueueFull as error:
            self._record(refused(sent, error, self._now_ns()))
            return
        sent.accepted_ns = self._now_ns()
        try:
            result = await self._result(sent, task_id)
        except asyncio.CancelledError:
            self._record(withdrawn(sent, await self._withdraw(task_id), self._now_ns(), LEFT))
            raise
        except QueueError as error:
            self._record(lost(sent, error, self._now_ns()))
            return
        self._record(ended(sent, result, self._now_ns()))

    async def _result(self, sent: Submission, task_id: str) -> TaskResult:
        async with aclosing(self._queue.subscribe(task_id)) as changes:
            async for change in changes:
                if change.status is TaskStatus.PROCESSING and sent.taken_up_ns is None:
                    sent.taken_up_ns = self._now_ns()
        result = await self._queue.result(task_id)
        if result is None:
            raise RuntimeError(f"task {task_id} has ended without a result")
        return result

    async def _withdraw(self, task_id: str) -> TaskResult | None:
        """End a task that nobody waits for any more; what it had come to."""
        with suppress(UnknownTask):
            await self._queue.cancel(task_id)
            async with aclosing(self._queue.subscribe(task_id)) as changes:
                async for _ in changes:
                    pass
            return await self._queue.result(task_id)
        return None

    def _record(self, call: Call) -> None:
        self._tell(CallFinished(call))

    async def _sample(self) -> None:
        while True:
            metrics, at_ns = await self._queue.metrics(), self._now_ns()
            self._tell(Note(at_ns, "queue_depth", "", metrics.waiting))
            self._tell(Note(at_ns, "queue_processing", "", metrics.processing))
            self._tell(Note(at_ns, "queue_age", "", metrics.oldest_age_s or 0.0))
            await asyncio.sleep(SAMPLE_S)


def used(plan: QueuePlan) -> QueueUsed:
    """The queue as a manifest has it."""
    return QueueUsed(
        workers=plan.workers,
        first_worker=FIRST_WORKER,
        server=SERVER,
        name=NAME,
        drain_s=plan.drain_s,
        settings=asdict(plan.queue),
        worker_settings=asdict(plan.worker),
    )


def worker_listener(index: int, tell: Callable[[Told], None]) -> Callable[[Event], None]:
    """Passes on what the client of a worker tells; the calls of its tries are not the tasks'."""

    def heard(event: Event) -> None:
        if type(event) is not CallFinished:
            tell(FromWorker(FIRST_WORKER + index, event))

    return heard

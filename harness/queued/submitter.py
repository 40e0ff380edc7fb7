"""The side of a run's queue that customers stand at: tasks go in, results are waited for, calls recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing, suppress
from types import TracebackType
from typing import Self

from harness import clock
from harness.client.calls import next_tag
from harness.client.client import DEFAULT_MAX_TOKENS
from harness.client.messages import COPYWRITER
from harness.model import NO_TAG, Call, CallFinished, Outcome, Reply
from harness.queue.errors import QueueError, ServerUnreachable
from harness.queue.tasks import CopywritingTask, TaskResult, TaskStatus
from harness.queued.ending import Submission, ended, error_of, lost, refused, reply_of, withdrawn
from harness.queued.plan import Place
from harness.units import NS

#: How long a task that was withdrawn may take to end: its worker hears of it within about a second.
WITHDRAW_S = 3.0

#: Between two looks at the queue's depth and age.
SAMPLE_S = 0.5

LEFT = "left in the queue when the run's time to drain it was over"

Note = Callable[[int, str, float], None]


class Submitter:
    """Submits tasks, waits for their results by subscription and tells `emit` of each call's end.

    It stands where a ResilientClient stands in a direct run; `model` is for calls that name none. `note`,
    where it is given, is told how the queue stands, twice a second. An async context manager, for one event
    loop; one that is not open yet keeps callers waiting.
    """

    def __init__(
        self, place: Place, emit: Callable[[CallFinished], None], model: str, note: Note | None = None
    ) -> None:
        self._queue = place.for_submitters()
        self._model = model
        self._emit = emit
        self._note = note
        self._open = asyncio.Event()
        self._stack = AsyncExitStack()
        self._sampling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._queue)
        self._open.set()
        if self._note is not None:
            self._sampling = asyncio.create_task(self._sample(self._note))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sampling is not None:
            self._sampling.cancel()
            with suppress(asyncio.CancelledError):
                await self._sampling
        await self._stack.aclose()

    async def generate_copy(
        self,
        prompt: str,
        model: str | None = None,
        max_tokens: int | None = DEFAULT_MAX_TOKENS,
        *,
        system: str | None = COPYWRITER,
    ) -> Reply:
        """One piece of copy, through the queue. Raises the CallError of what became of it."""
        tags = next_tag.get()
        tag = tags() if tags else NO_TAG
        model = model or self._model
        sent = Submission(tag, model, clock.now_ns())
        task = CopywritingTask(prompt=prompt, model=model, max_tokens=max_tokens, system=system, tag=tag)
        task_id = await self._submit(sent, task)
        try:
            result = await self._result(sent, task_id)
        except asyncio.CancelledError:
            known = await self._withdraw(task_id)
            self._tell(withdrawn(sent, known, clock.now_ns(), LEFT))
            raise
        except QueueError as error:
            raise error_of(self._tell(lost(sent, error, clock.now_ns()))) from error
        call = self._tell(ended(sent, result, clock.now_ns()))
        if call.outcome is Outcome.OK:
            return reply_of(result)
        raise error_of(call)

    def _tell(self, call: Call) -> Call:
        self._emit(CallFinished(call))
        return call

    async def _submit(self, sent: Submission, task: CopywritingTask) -> str:
        try:
            await self._open.wait()
            task_id = await self._queue.submit(task)
        except QueueError as error:
            raise error_of(self._tell(refused(sent, error, clock.now_ns()))) from error
        except asyncio.CancelledError:
            self._tell(withdrawn(sent, None, clock.now_ns(), "cancelled before the queue had taken it"))
            raise
        sent.accepted_ns = clock.now_ns()
        return task_id

    async def _result(self, sent: Submission, task_id: str) -> TaskResult:
        """What became of a task, however long that takes. A server that is away is waited for.

        Raises any other QueueError: then nobody can tell what became of it.
        """
        while True:
            try:
                await self._follow(sent, task_id)
                record = await self._queue.record(task_id)
            except ServerUnreachable:
                continue  # it was asked for as long as the queue's patience lasts
            if sent.taken_up_ns is None and record.started_at is not None:
                sent.taken_up_ns = clock.now_ns() - clock.wall_ns() + round(record.started_at * NS)
            if record.result is not None:
                return record.result

    async def _follow(self, sent: Submission, task_id: str) -> None:
        async with aclosing(self._queue.subscribe(task_id)) as changes:
            async for change in changes:
                if change.status is TaskStatus.PROCESSING and sent.taken_up_ns is None:
                    sent.taken_up_ns = clock.now_ns()

    async def _withdraw(self, task_id: str) -> TaskResult | None:
        """End a task that nobody waits for any more; what it had come to, if that is told in time."""
        with suppress(QueueError, TimeoutError):
            async with asyncio.timeout(WITHDRAW_S):
                await self._queue.cancel(task_id)
                return await self._queue.wait(task_id)
        return None

    async def _sample(self, note: Note) -> None:
        while True:
            with suppress(QueueError):
                metrics = await self._queue.metrics()
                at_ns = clock.now_ns()
                note(at_ns, "queue_depth", metrics.waiting)
                note(at_ns, "queue_processing", metrics.processing)
                note(at_ns, "queue_age", metrics.oldest_age_s or 0.0)
            await asyncio.sleep(SAMPLE_S)

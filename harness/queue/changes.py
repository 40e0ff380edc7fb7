"""Who waits for a task is told of its changes: one subscription a process, however many wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from coredis import Redis
from coredis.exceptions import RedisError

from harness.queue.errors import UnreadableValue
from harness.queue.tasks import TaskChange, TaskStatus

_MS = 1000.0

#: Of one who reads slower than changes come: beyond it the oldest are dropped.
MAX_UNREAD = 1000

_AGAIN_S = 0.5


class Listening:
    """Hears of the changes of a queue's tasks from the server and passes them on to those who wait.

    A message may be lost, as when the server is away: who waits looks for itself now and then.
    """

    def __init__(self, redis: Redis[str], channel: str) -> None:
        self._redis = redis
        self._channel = channel
        self._ears: dict[str | None, set[asyncio.Queue[TaskChange]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def start(self) -> None:
        """Begin to listen, once; returns when the server says so, or after a moment without it."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._listen())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), _AGAIN_S)

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    @contextmanager
    def ear(self, task_id: str | None) -> Iterator[asyncio.Queue[TaskChange]]:
        """Changes of one task, or with None of all, as they come."""
        ear: asyncio.Queue[TaskChange] = asyncio.Queue(MAX_UNREAD)
        self._ears.setdefault(task_id, set()).add(ear)
        try:
            yield ear
        finally:
            ears = self._ears[task_id]
            ears.discard(ear)
            if not ears:
                del self._ears[task_id]

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(
                    channels=[self._channel], ignore_subscribe_messages=True, subscription_timeout=5
                ) as messages:
                    self._ready.set()
                    async for message in messages:
                        self._pass_on(change_of(str(message["data"])))
            except (RedisError, OSError, TimeoutError, ExceptionGroup):
                await asyncio.sleep(_AGAIN_S)

    def _pass_on(self, change: TaskChange) -> None:
        for task_id in (change.task_id, None):
            for ear in self._ears.get(task_id, ()):
                if ear.full():
                    ear.get_nowait()
                ear.put_nowait(change)


def change_of(text: str) -> TaskChange:
    """A change as our scripts tell it: "ID STATUS MILLISECONDS TRIES". Raises UnreadableValue."""
    try:
        task_id, status, at_ms, tries = text.split()
        return TaskChange(task_id=task_id, status=TaskStatus(status), at=int(at_ms) / _MS, tries=int(tries))
    except ValueError as error:
        raise UnreadableValue(
            f"a message of the queue is not what this library wrote: {text[:100]!r}"
        ) from error

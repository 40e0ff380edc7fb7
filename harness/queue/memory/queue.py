"""The queue of one process: no server, no socket, nothing on disk; instants come from the loop's clock."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable
from itertools import count
from typing import Any, Protocol

from harness.queue.documents import encode, failure
from harness.queue.errors import UnknownTask
from harness.queue.memory.books import MemoryBooks
from harness.queue.records import metrics_of, result_of
from harness.queue.settings import QueueSettings
from harness.queue.steps import Argument, Step
from harness.queue.submitting import submit
from harness.queue.tasks import CopywritingTask, Metrics, TaskChange, TaskResult
from harness.units import NS

_MS = 1000
_NS_PER_MS = NS // _MS

#: streaQ looks so often whether tasks that were to come later are due, from the start on.
LOOK_EVERY_MS = 500


class Hand(Protocol):
    """A worker, as the queue sees it."""

    @property
    def room(self) -> int:
        """How many tasks it would fetch now."""

    def receive(self, tasks: list[tuple[str, str]]) -> None:
        """Ids of tasks handed to it, each with its priority."""

    def abort(self, task_id: str) -> None:
        """Somebody has cancelled a task; it may run here."""


class MemoryQueue:
    """As `harness.queue.Queue`, within one event loop; for virtual time. Ids of tasks count from 1.

    Tasks are handed out as streaQ hands them out: workers with room take turns, in the order in which they
    began to wait; one that takes several at once takes them by priority.
    """

    def __init__(
        self, settings: QueueSettings, now_ns: Callable[[], int], *, name: str = "in memory"
    ) -> None:
        self.name = name
        self.settings = settings
        self._now_ns = now_ns
        self._books = MemoryBooks()
        self._ids = count(1)
        self._ears: dict[str, asyncio.Queue[TaskChange]] = {}
        self._hands: list[Hand] = []
        self._waiting: deque[Hand] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def remembering(self) -> tuple[int, int]:
        """How long, in milliseconds, what has ended is kept, and how many dead letters."""
        return round(self.settings.keep_s * _MS), self.settings.keep_dead

    async def run(self, step: Step, /, *arguments: Argument) -> Any:
        """Take a step; its reply."""
        reply = self._books.step(step, self._now_ms, arguments)
        self._pass_on()
        self._serve()
        return reply

    async def submit(self, task: CopywritingTask | str) -> str:
        """Accept a task, or a prompt alone; its id. Raises QueueFull, RequestError."""
        return await submit(self.run, self.name, self.settings, task, f"{next(self._ids):010d}")

    async def subscribe(self, task_id: str) -> AsyncGenerator[TaskChange, None]:
        """Where a task stands now, and every change until it has ended; for one listener a task.

        Raises UnknownTask.
        """
        ear = self._ears[task_id] = asyncio.Queue()
        try:
            task = self._books.shelf.tasks.get(task_id)
            if task is None:
                raise self._unknown(task_id)
            change = TaskChange(task_id=task_id, status=task.state, at=self._now_ms / _MS, tries=task.tries)
            while True:
                yield change
                if change.status.is_final:
                    return
                change = await ear.get()
        finally:
            del self._ears[task_id]

    async def result(self, task_id: str) -> TaskResult | None:
        """How a task ended; None while it has not. Raises UnknownTask."""
        task = self._books.shelf.tasks.get(task_id)
        if task is None:
            raise self._unknown(task_id)
        return result_of(task_id, task.fields())

    async def cancel(self, task_id: str) -> bool:
        """End a task as failed, at once whether it waits or runs; whether it had not ended before."""
        document = encode(failure("Cancelled", "cancelled by its submitter"))
        done = await self.run("cancel", task_id, document, *self.remembering)
        if done == "unknown":
            raise self._unknown(task_id)
        if done == "asked":
            for hand in self._hands:
                hand.abort(task_id)
        return bool(done != "ended")

    async def metrics(self) -> Metrics:
        """Depth, age, rate and counts at this instant."""
        return metrics_of(self._books.step("metrics", self._now_ms, ()))

    def enlist(self, hand: Hand) -> None:
        """A worker begins."""
        self._hands.append(hand)
        self.wants(hand)

    def dismiss(self, hand: Hand, left: list[tuple[str, str]]) -> None:
        """A worker takes no more; what it had fetched goes to the end of the line."""
        self._hands.remove(hand)
        if hand in self._waiting:
            self._waiting.remove(hand)
        for task_id, priority in left:
            self._books.shelf.line.put(task_id, priority, self._now_ms, 0)
        self._serve()

    def wants(self, hand: Hand) -> None:
        """A worker has room again."""
        if hand not in self._waiting:
            self._waiting.append(hand)
        self._serve()

    def again(self, task_id: str, priority: str, delay_s: float) -> None:
        """A task is to be handed out once more, not before `delay_s`."""
        self._books.shelf.line.put_later(task_id, priority, self._now_ms + round(delay_s * _MS))
        self._watch_later()

    @property
    def _now_ms(self) -> int:
        return self._now_ns() // _NS_PER_MS

    def _pass_on(self) -> None:
        changes = self._books.shelf.changes
        for change in changes:
            if (ear := self._ears.get(change.task_id)) is not None:
                ear.put_nowait(change)
        changes.clear()

    def _serve(self) -> None:
        """Hand out what there is to those who wait."""
        line = self._books.shelf.line
        while self._waiting and line.waits:
            hand = self._waiting.popleft()
            if hand.room > 0:
                hand.receive(line.take(hand.room))
            if hand.room > 0:
                self._waiting.append(hand)
        self._watch_later()

    def _watch_later(self) -> None:
        due_ms = self._books.shelf.line.next_ms
        if self._timer is not None or due_ms is None:
            return
        look_ms = math.ceil(max(due_ms, self._now_ms + 1) / LOOK_EVERY_MS) * LOOK_EVERY_MS
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(look_ms / _MS - self._now_ns() / NS, self._look)

    def _look(self) -> None:
        self._timer = None
        self._books.shelf.line.publish(self._now_ms)
        self._serve()

    def _unknown(self, task_id: str) -> UnknownTask:
        return UnknownTask(f"queue {self.name!r} knows no task {task_id!r:.100}: it never did, or no longer")

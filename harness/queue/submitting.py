"""How a task is submitted, wherever the queue is kept."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Literal, Protocol

from harness.queue.checking import checked_task
from harness.queue.documents import VERSION, TaskDocument, encode
from harness.queue.errors import QueueClosed, QueueFull, ServerFull
from harness.queue.records import wait_of
from harness.queue.settings import QueueSettings
from harness.queue.steps import Argument
from harness.queue.tasks import CopywritingTask

_MS = 1000


class Submit(Protocol):
    """Takes the step `submit` where the tasks are kept."""

    def __call__(self, step: Literal["submit"], /, *arguments: Argument) -> Awaitable[Any]:
        """Its reply."""


async def submit(
    run: Submit,
    name: str,
    settings: QueueSettings,
    task: CopywritingTask | str,
    task_id: str,
    engine_data: str = "",
    server: str = "the queue",
) -> str:
    """Have a task, or a prompt alone, accepted; its id: `task_id`, or that of the earlier one with its key.

    `server` is what errors may say of it. Raises QueueFull, QueueClosed, ServerFull, RequestError for a task
    that cannot be served.
    """
    task = checked_task(CopywritingTask(prompt=task) if isinstance(task, str) else task, settings)
    deadline_s = settings.deadline_s if task.deadline_s is None else task.deadline_s
    reply = await run(
        "submit",
        task_id,
        task.key or task_id,
        VERSION,
        encode(TaskDocument(VERSION, task)),
        task.priority,
        round(task.delay_s * _MS),
        0 if deadline_s is None else max(1, round(deadline_s * _MS)),
        settings.max_depth,
        engine_data,
    )
    match reply:
        case ["accepted" | "known", accepted]:
            return str(accepted)
        case ["full", depth, done, in_ms]:
            raise QueueFull(name, depth, settings.max_depth, wait_of(depth, done, in_ms))
        case ["memory", used]:
            raise ServerFull(
                f"{server} has used up {used} % of its memory: the rest is kept for the tasks it has accepted"
            )
    raise QueueClosed(f"queue {name!r} is being drained and takes no tasks")

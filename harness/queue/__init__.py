"""The article's second architecture: tasks in a queue, and workers that serve them.

Names are loaded when they are asked for: what plays a queue in virtual time needs no engine and no server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.queue.embedded import EmbeddedServer
    from harness.queue.errors import (
        NewerVersion,
        NotFinished,
        QueueClosed,
        QueueError,
        QueueFull,
        ServerFull,
        ServerRefused,
        ServerUnreachable,
        StartError,
        UnknownTask,
        UnreadableValue,
    )
    from harness.queue.queue import Queue
    from harness.queue.settings import QueueSettings, WorkerSettings
    from harness.queue.tasks import (
        CopywritingTask,
        LastCall,
        Metrics,
        Priority,
        TaskChange,
        TaskRecord,
        TaskResult,
        TaskStatus,
    )
    from harness.queue.worker import Worker

_MODULES = {
    "embedded": ("EmbeddedServer",),
    "errors": (
        "NewerVersion",
        "NotFinished",
        "QueueClosed",
        "QueueError",
        "QueueFull",
        "ServerFull",
        "ServerRefused",
        "ServerUnreachable",
        "StartError",
        "UnknownTask",
        "UnreadableValue",
    ),
    "queue": ("Queue",),
    "settings": ("QueueSettings", "WorkerSettings"),
    "tasks": (
        "CopywritingTask",
        "LastCall",
        "Metrics",
        "Priority",
        "TaskChange",
        "TaskRecord",
        "TaskResult",
        "TaskStatus",
    ),
    "worker": ("Worker",),
}

__all__ = [
    "CopywritingTask",
    "EmbeddedServer",
    "LastCall",
    "Metrics",
    "NewerVersion",
    "NotFinished",
    "Priority",
    "Queue",
    "QueueClosed",
    "QueueError",
    "QueueFull",
    "QueueSettings",
    "ServerFull",
    "ServerRefused",
    "ServerUnreachable",
    "StartError",
    "TaskChange",
    "TaskRecord",
    "TaskResult",
    "TaskStatus",
    "UnknownTask",
    "UnreadableValue",
    "Worker",
    "WorkerSettings",
]


def __getattr__(name: str) -> Any:
    """A public name, from the module that has it."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"harness.queue.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The article's second architecture: tasks in a queue, and workers that serve them."""

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

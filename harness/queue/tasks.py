"""The frozen data of the queue: what is asked for, how it stands, what came of it.

Instants are seconds since 1970 on the server's clock, lengths of time seconds or, named so, milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from harness.client.client import DEFAULT_MAX_TOKENS, DEFAULT_TEMPERATURE
from harness.client.messages import COPYWRITER
from harness.model import NO_TAG, Message, Outcome, StoppedBy, Tag, Usage


class TaskStatus(StrEnum):
    """Where a task stands; the article's four."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether it stays so."""
        return self in {TaskStatus.COMPLETED, TaskStatus.FAILED}


class Priority(StrEnum):
    """Who goes first: a task waits while there are any of a higher one."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class CopywritingTask(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work: a prompt, or the messages of a conversation, and when and how it is to be served.

    `model` None is the worker's. `key` is the idempotency key: a second task with the same one is the first;
    without it each is new. `delay_s`: not before so long after it was submitted. `deadline_s`: after so long
    it fails, without a call if there was none yet. `system` stands before a prompt, not before messages.
    `extra` are further fields of a conversation's request. `tag` is what a load generator knows of it.
    """

    prompt: str | None = None
    messages: tuple[Message, ...] | None = None
    model: str | None = None
    max_tokens: int | None = DEFAULT_MAX_TOKENS
    temperature: float | None = DEFAULT_TEMPERATURE
    system: str | None = COPYWRITER
    extra: Mapping[str, Any] = msgspec.field(default_factory=dict)
    key: str | None = None
    priority: Priority = Priority.NORMAL
    delay_s: float = 0.0
    deadline_s: float | None = None
    tag: Tag = NO_TAG


class LastCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the last call for a task ended; of one that was never made, why not. See harness.model.Call."""

    outcome: Outcome
    stopped_by: StoppedBy | None = None
    status: int | None = None
    code: str | None = None
    permit_wait_ns: int = 0
    backoff_ns: int = 0


class TaskResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a task ended. A completed one has a `text`, a failed one an `error` (a class) and its `message`.

    `latency_ms` is from its submission to its end, `call_ms` its last call alone, `call` how that ended.
    `attempts` are the requests sent for it by calls that came back, `tries` how often a worker took it up.
    """

    task_id: str
    status: TaskStatus
    text: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    request_id: str | None = None
    error: str | None = None
    message: str | None = None
    latency_ms: float = 0.0
    call_ms: float | None = None
    call: LastCall | None = None
    attempts: int = 0
    tries: int = 0
    finished_at: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it was completed."""
        return self.status is TaskStatus.COMPLETED


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of a task. `task` is None once completed, and where nobody can read it."""

    task_id: str
    status: TaskStatus
    priority: Priority
    key: str
    submitted_at: float
    not_before_at: float | None = None
    deadline_at: float | None = None
    started_at: float | None = None
    tries: int = 0
    attempts: int = 0
    worker: str | None = None
    last_error: str | None = None
    task: CopywritingTask | None = None
    result: TaskResult | None = None


class TaskChange(msgspec.Struct, frozen=True, kw_only=True):
    """A task went to another status."""

    task_id: str
    status: TaskStatus
    at: float
    tries: int = 0


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """The queue at one instant.

    `depth` is how many tasks wait, by priority, `delayed` how many of them until an instant to come;
    `oldest_age_s` how long ago the oldest of them was submitted; `completion_rate_per_s` how many ended well
    or badly, a second, over the last minute; `wait_s` is depth and processing over that rate, None when too
    few ended to tell. `counts` are since the queue was made.
    """

    at: float
    depth: dict[str, int]
    delayed: int
    processing: int
    dead: int
    workers: int
    oldest_age_s: float | None
    completion_rate_per_s: float
    wait_s: float | None
    closed: bool
    counts: dict[str, int]

    @property
    def waiting(self) -> int:
        """Tasks that wait, of all priorities."""
        return sum(self.depth.values())

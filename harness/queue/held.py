"""A task that a worker has taken up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from harness.model import Call, Reply
from harness.queue.tasks import LastCall
from harness.units import NS


class Cut(StrEnum):
    """Why the call of a task was ended from this side."""

    CANCELLED = "cancelled by its submitter"
    LOST = "taken over by another worker"
    STOPPED = "its worker was told to stop"


@dataclass(slots=True)
class Held:
    """`fence` and `token` show that it is held by this try and no other. `call` is its call, once ended.

    `ends_ns` is its deadline on the clock that `now_ns` reads.
    """

    task_id: str
    fence: int
    token: str
    tries: int
    returns: int
    key: str
    ends_ns: int | None
    now_ns: Callable[[], int]
    work: asyncio.Task[Reply] | None = None
    cut: Cut | None = None
    call: Call | None = None

    @property
    def left_s(self) -> float | None:
        """Seconds to the task's deadline."""
        return None if self.ends_ns is None else (self.ends_ns - self.now_ns()) / NS

    @property
    def attempts(self) -> int:
        """Requests sent in this try."""
        return 0 if self.call is None else self.call.attempts

    @property
    def call_ms(self) -> float | None:
        """How long its call took."""
        return None if self.call is None else (self.call.end_ns - self.call.start_ns) / 1e6

    @property
    def last_call(self) -> LastCall | None:
        """How its call ended."""
        if self.call is None:
            return None
        return LastCall(
            outcome=self.call.outcome,
            stopped_by=self.call.stopped_by,
            status=self.call.status,
            code=self.call.code,
            permit_wait_ns=self.call.permit_wait_ns,
            backoff_ns=self.call.backoff_ns,
        )

    def end(self, why: Cut) -> None:
        """End its call, once: its own cleaning up is not to be cut, too."""
        if self.cut is None and self.work is not None:
            self.cut = why
            self.work.cancel()

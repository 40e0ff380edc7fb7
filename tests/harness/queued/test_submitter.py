"""What a submitter tells of a task whose queue goes wrong while it waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from harness.client.calls import next_tag
from harness.errors import Transient
from harness.model import CallFinished, Outcome, Tag
from harness.queue import QueueError, QueueSettings, ServerRefused, StartError, TaskChange, UnknownTask
from harness.queue.tasks import CopywritingTask
from harness.queued.plan import Place
from harness.queued.submitter import Submitter


class Failing:
    """A queue that accepts a task, and then can tell nothing of it."""

    def __init__(self, error: QueueError) -> None:
        self._error = error

    async def submit(self, _: CopywritingTask) -> str:
        return "t-1"

    async def subscribe(self, _: str) -> AsyncGenerator[TaskChange, None]:
        raise self._error
        yield


@pytest.mark.parametrize(
    "error", [UnknownTask("gone"), ServerRefused("no"), StartError("no"), QueueError("?")]
)
def test_a_task_that_was_accepted_and_lost_is_a_call_that_failed(error: QueueError) -> None:
    told: list[CallFinished] = []
    submitter = Submitter(Place("q", "redis://127.0.0.1:9", ".", QueueSettings()), told.append, "gpt-4.1")
    submitter._queue = Failing(error)  # type: ignore[assignment]  # no server
    submitter._open.set()

    async def main() -> None:
        next_tag.set(lambda: Tag(call_id=7, intended_ns=1))  # in this context, which ends with it
        await submitter.generate_copy("a")

    with pytest.raises(Transient, match=str(error).replace("?", r"\?")) as caught:
        asyncio.run(main())

    assert caught.value.__cause__ is error
    assert [(e.call.call_id, e.call.outcome, e.call.detail) for e in told] == [
        (7, Outcome.TRANSIENT, str(error))
    ]
    assert told[0].call.accepted_ns is not None

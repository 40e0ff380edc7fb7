"""What a worker's jobs do when something else than the API goes wrong; in memory, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

import httpx
import pytest

from harness import Policy, ResilientClient
from harness.queue.errors import (
    NewerVersion,
    QueueError,
    ServerFull,
    ServerRefused,
    ServerUnreachable,
    StartError,
)
from harness.queue.jobs import Jobs
from harness.queue.later import Later
from harness.queue.memory.queue import MemoryQueue
from harness.queue.settings import QueueSettings, WorkerSettings
from harness.queue.steps import Argument, Step
from harness.queue.tasks import CopywritingTask, TaskResult, TaskStatus
from harness.sim.loop import now_ns, run
from harness.spending.amount import Amount
from harness.spending.meter import Meter
from harness.spending.purse import Purse
from harness.transport.base import HttpRequest, HttpResponse, Transport
from harness.transport.budgeted import BudgetedTransport
from harness.transport.httpx_transport import HttpxTransport
from harness.transport.till import Till
from tests.harness.queue.rig import ONCE, Api, always

T = TypeVar("T")


class Troubled:
    """The books of a queue, of which `errors` are raised first, each once, by the step they are for."""

    def __init__(self, queue: MemoryQueue) -> None:
        self.queue = queue
        self.errors: dict[str, list[Exception]] = {}
        self.asked: Counter[str] = Counter()
        self.answers_after_s = 0.0

    @property
    def remembering(self) -> tuple[int, int]:
        return self.queue.remembering

    async def run(self, step: Step, /, *arguments: Argument) -> Any:
        self.asked[step] += 1
        if errors := self.errors.get(step):
            raise errors.pop(0)
        reply = await self.queue.run(step, *arguments)
        await asyncio.sleep(self.answers_after_s)
        return reply


class Desk:
    """A queue, and the jobs of one worker, run by the test."""

    def __init__(
        self,
        api: Api,
        budget: int | None = None,
        transport: Transport | None = None,
        policy: Policy = ONCE,
    ) -> None:
        self.queue = MemoryQueue(QueueSettings(), now_ns)
        self.books = Troubled(self.queue)
        self.stopping = asyncio.Event()
        sending = transport or HttpxTransport(httpx.AsyncClient(transport=httpx.MockTransport(api._handle)))
        if budget is not None:
            till = Till(Purse.alone(Amount(requests=budget)), Meter(), lambda: None)
            sending = BudgetedTransport(sending, till)
        self.client = ResilientClient(
            "http://api.test/v1", "sk-test", policy=policy, transport=sending, now_ns=now_ns
        )
        settings = WorkerSettings(tries=2)
        self.jobs = Jobs(self.books, self.client, settings, "w", self.stopping, 60.0, Random(1), now_ns)

    async def take(self, task_id: str) -> str | Later:
        """As the engine runs a job."""
        try:
            return await self.jobs.run(task_id)
        except Later as later:
            return later

    async def status(self, task_id: str) -> TaskStatus:
        async for change in self.queue.subscribe(task_id):
            return change.status
        raise AssertionError


def at(act: Callable[[Desk], Awaitable[T]], api: Api, **more: Any) -> T:
    async def main() -> T:
        desk = Desk(api, **more)
        async with desk.client:
            return await act(desk)

    return run(main())


def test_a_task_for_which_this_worker_has_no_budget_is_given_back_and_the_worker_stops() -> None:
    api = Api()

    async def act(desk: Desk) -> tuple[str | Later, str | Later, TaskStatus, int, bool]:
        first, second = await desk.queue.submit("a"), await desk.queue.submit("b")
        done, refused = await desk.take(first), await desk.take(second)
        dead = (await desk.queue.metrics()).dead
        return done, refused, await desk.status(second), dead, desk.stopping.is_set()

    done, refused, status, dead, stopping = at(act, api, budget=1)
    assert done == "completed"
    assert isinstance(refused, Later)
    assert refused.delay_s == 0
    assert (status, dead, stopping) == (TaskStatus.PENDING, 0, True)
    assert api.requests == ["a"]


@pytest.mark.parametrize("step", ["commit", "put_back"])
def test_what_was_paid_for_is_committed_whatever_the_server_says_meanwhile(step: str) -> None:
    kinds = (StartError, ServerRefused, ServerUnreachable, ServerFull, QueueError)
    api = Api(always(500) if step == "put_back" else None)

    async def act(desk: Desk) -> tuple[str | Later, int]:
        desk.books.errors[step] = [kind("not now") for kind in kinds]
        return await desk.take(await desk.queue.submit("a")), desk.books.asked[step]

    done, asked = at(act, api)
    assert (done == "completed") is (step == "commit")
    assert (asked, api.requests) == (len(kinds) + 1, ["a"])


def test_a_commit_is_given_up_when_a_newer_version_is_there_or_the_worker_is_to_stop() -> None:
    async def act(desk: Desk, error: QueueError, *, stopping: bool) -> int:
        desk.books.errors["commit"] = [error] * 9
        if stopping:
            desk.stopping.set()
        with pytest.raises(type(error)):
            await desk.take(await desk.queue.submit("a"))
        return desk.books.asked["commit"]

    assert at(lambda desk: act(desk, NewerVersion("newer"), stopping=False), Api()) == 1
    assert at(lambda desk: act(desk, StartError("no"), stopping=True), Api()) == 1


def test_a_task_whose_deadline_passes_on_its_way_to_the_worker_has_expired() -> None:
    api = Api()

    async def act(desk: Desk) -> tuple[str | Later, TaskResult | None, int]:
        task_id = await desk.queue.submit(CopywritingTask(prompt="a", deadline_s=3))
        desk.books.answers_after_s = 7.0
        done = await desk.take(task_id)
        return done, await desk.queue.result(task_id), (await desk.queue.metrics()).dead

    done, result, dead = at(act, api)
    assert (done, dead, api.requests) == ("failed", 0, [])
    assert result is not None
    assert (result.error, result.attempts) == ("DeadlineExceeded", 0)
    assert "nothing was sent" in (result.message or "")


def test_a_task_that_is_cancelled_while_its_try_fails_ends_then_and_not_after_the_wait() -> None:
    async def act(desk: Desk) -> tuple[str | Later, TaskResult | None, dict[str, int]]:
        task_id = await desk.queue.submit("a")
        desk.books.answers_after_s = 1.0
        taking = asyncio.create_task(desk.take(task_id))
        await asyncio.sleep(0.5)  # it is taken up on the server, and not yet under way here
        assert await desk.queue.cancel(task_id)
        done = await taking
        return done, await desk.queue.result(task_id), (await desk.queue.metrics()).counts

    done, result, counts = at(act, Api(always(500)))
    assert done == "ended before"
    assert result is not None
    assert (result.error, result.attempts) == ("Cancelled", 1)
    assert counts == {"submitted": 1, "cancelled": 1, "failed": 1}


class Cancelling:
    """A transport that cancels its own calls."""

    async def open(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 - as Transport has it
        raise asyncio.CancelledError

    async def aclose(self) -> None:
        pass


def test_a_call_that_is_cancelled_from_within_is_a_try_that_counts() -> None:
    async def act(desk: Desk) -> tuple[str | Later, str | Later, TaskResult | None]:
        task_id = await desk.queue.submit("a")
        first = await desk.take(task_id)
        await asyncio.sleep(60)
        return first, await desk.take(task_id), await desk.queue.result(task_id)

    first, second, result = at(act, Api(), transport=Cancelling())
    assert isinstance(first, Later)
    assert first.delay_s > 0
    assert second == "failed"
    assert result is not None
    assert (result.tries, result.message) == (
        2,
        "its call was cancelled, and not by its worker; the last of 2 tries",
    )


def test_a_try_that_ends_late_does_not_hide_the_one_that_came_after_it() -> None:
    async def act(desk: Desk) -> tuple[str | Later, str | Later]:
        task_id = await desk.queue.submit("a")
        first = asyncio.create_task(desk.take(task_id))
        await asyncio.sleep(61)  # without a sign of life, it is anybody's
        second = asyncio.create_task(desk.take(task_id))
        late = await first
        assert await desk.queue.cancel(task_id)
        desk.jobs.abort(task_id)
        return late, await asyncio.wait_for(second, 1)

    patient = replace(ONCE, deadline_s=100.0, attempt_timeout_s=100.0)
    late, second = at(act, Api(delay_s=70), policy=patient)
    assert isinstance(late, Later)
    assert second == "failed"

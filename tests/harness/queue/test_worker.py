"""What becomes of a task in a worker; both servers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import httpx
import pytest

from harness import Tag
from harness.policy.config import BreakerConfig, RetryConfig
from harness.queue import CopywritingTask, Priority, QueueSettings, TaskStatus, Worker
from harness.queue.settings import WorkerSettings, idle_timeout_of, jobs_of, longest_job_s
from harness.queue.worker import _cancelled
from tests.harness.queue.rig import ONCE, QUICK, Api, Rig, always, prompt_of, reply, with_tries


def test_a_call_that_failed_is_made_again_until_it_succeeds(rig: Rig) -> None:
    async def main() -> None:
        async def third_time(_: httpx.Request) -> httpx.Response:
            return reply("at last") if len(api.requests) == 3 else httpx.Response(500)

        api = Api(third_time)
        async with rig.queue() as queue, rig.serving(api):
            result = await queue.wait(await queue.submit("a"), 20)
            assert (result.text, result.tries, result.attempts) == ("at last", 3, 3)
            assert (await queue.metrics()).counts["returned"] == 2
        # No two attempts of a task have the same number, whatever call they belong to.
        numbers = [(h["x-primetime-call"], h["x-primetime-attempt"]) for h in api.headers]
        assert len({call for call, _ in numbers}) == 1
        assert [number for _, number in numbers] == ["1", "1001", "2001"]
        assert {h["idempotency-key"] for h in api.headers} == {result.task_id}

    asyncio.run(main())


def test_a_poisonous_task_is_a_dead_letter_after_its_tries_and_holds_up_no_other(rig: Rig) -> None:
    async def main() -> None:
        async def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(500) if prompt_of(request) == "poison" else reply("fine")

        api = Api(answer)
        async with rig.queue() as queue, rig.serving(api, with_tries(3)):
            poison = await queue.submit(CopywritingTask(prompt="poison", priority=Priority.HIGH))
            others = [await queue.submit(f"{n}") for n in range(20)]
            results = [await queue.wait(task_id, 20) for task_id in [poison, *others]]
            assert [r.ok for r in results] == [False] + [True] * 20
            assert (results[0].error, results[0].tries, results[0].attempts) == ("Transient", 3, 3)
            assert "the last of 3 tries" in (results[0].message or "")
            assert api.requests.count("poison") == 3
            dead = await queue.dead()
            assert [(letter.task_id, letter.task and letter.task.prompt) for letter in dead] == [
                (poison, "poison")
            ]
            assert (await queue.metrics()).dead == 1

    asyncio.run(main())


def test_dead_letters_are_driven_again_or_forgotten(rig: Rig) -> None:
    async def main() -> None:
        async def answer(_: httpx.Request) -> httpx.Response:
            return reply("good again") if healed.is_set() else httpx.Response(401)

        healed = asyncio.Event()
        async with rig.queue() as queue, rig.serving(Api(answer)):
            ids = [await queue.submit(f"{n}") for n in range(4)]
            first = [await queue.wait(task_id, 20) for task_id in ids]
            assert {(r.error, r.tries) for r in first} == {("Fatal", 1)}  # no second try helps a 401
            assert {letter.task_id for letter in await queue.dead()} == set(ids)
            healed.set()
            assert await queue.redrive(ids[:1]) == 1
            assert (await queue.wait(ids[0], 20)).text == "good again"
            assert await queue.purge(ids[1:2]) == 1
            assert await queue.redrive() == 2
            assert [(await queue.wait(task_id, 20)).ok for task_id in ids[2:]] == [True, True]
            assert await queue.dead() == []
            assert await queue.redrive(ids) == 0
            metrics = await queue.metrics()
            assert (metrics.counts["redriven"], metrics.counts["dead"], metrics.dead) == (3, 4, 0)

    asyncio.run(main())


def test_dead_letters_are_bounded(one: Rig) -> None:
    async def main() -> None:
        async with one.queue(QueueSettings(keep_dead=2)) as queue:
            async with one.serving(Api(always(401)), replace(QUICK, concurrency=1)) as worker:
                worker.queue.settings = QueueSettings(keep_dead=2)
                ids = [await queue.submit(f"{n}") for n in range(5)]
                for task_id in ids:
                    await queue.wait(task_id, 20)
            assert [letter.task_id for letter in await queue.dead()] == ids[-2:]
            assert (await queue.result(ids[0])) is not None  # for a while
            assert (await queue.metrics()).counts["dead_forgotten"] == 3

    asyncio.run(main())


def test_an_api_that_is_down_uses_up_no_tries(rig: Rig) -> None:
    async def main() -> None:
        async def fourth_time(_: httpx.Request) -> httpx.Response:
            return reply("back") if len(api.requests) == 4 else httpx.Response(503)

        api = Api(fourth_time)
        async with rig.queue() as queue, rig.serving(api, with_tries(1)):
            result = await queue.wait(await queue.submit("a"), 30)
            assert (result.text, result.tries, result.attempts) == ("back", 1, 4)

    asyncio.run(main())


def test_what_a_breaker_refuses_stays_in_the_queue(rig: Rig) -> None:
    async def main() -> None:
        async def answer(_: httpx.Request) -> httpx.Response:
            return reply("fine") if healed.is_set() else httpx.Response(500)

        healed = asyncio.Event()
        breaker = BreakerConfig(min_calls=4, window_s=10, open_s=0.4, max_open_s=0.4, probes=1)
        api = Api(answer)
        async with rig.queue() as queue, rig.serving(api, with_tries(50), replace(ONCE, breaker=breaker)):
            ids = [await queue.submit(f"{n}") for n in range(20)]
            await asyncio.sleep(1.0)
            sent = len(api.requests)
            metrics = await queue.metrics()
            assert sent <= 4 + 4 + 3 * 2  # to open it, on their way then, and a probe an opening
            assert metrics.waiting + metrics.processing == 20
            healed.set()
            results = [await queue.wait(task_id, 30) for task_id in ids]
            assert all(result.ok for result in results)

    asyncio.run(main())


def test_a_deadline_that_passes_in_the_queue_fails_the_task_without_a_call(rig: Rig) -> None:
    async def main() -> None:
        api = Api()
        async with rig.queue() as queue:
            late = await queue.submit(CopywritingTask(prompt="late", deadline_s=0.05))
            await asyncio.sleep(0.1)
            async with rig.serving(api):
                result = await queue.wait(late, 10)
                assert (result.status, result.error) == (TaskStatus.FAILED, "DeadlineExceeded")
                assert "while it waited in the queue" in (result.message or "")
                assert (result.attempts, result.tries) == (0, 0)
                await queue.wait(await queue.submit("in time"), 10)
            assert api.requests == ["in time"]
            assert (await queue.metrics()).counts["expired"] == 1

    asyncio.run(main())


def test_a_deadline_ends_a_task_that_waits_behind_others(rig: Rig) -> None:
    async def main() -> None:
        api = Api(delay_s=1.8)
        async with rig.queue() as queue, rig.serving(api, replace(QUICK, concurrency=1)):
            await queue.submit("holds the only job")
            await queue.submit("fetched beforehand")
            late = await queue.submit(CopywritingTask(prompt="late", deadline_s=0.3))
            result = await queue.wait(late, 10)
            assert result.error == "DeadlineExceeded"
            assert 300 <= result.latency_ms < 1800  # long before its turn
            assert "late" not in api.requests

    asyncio.run(main())


def test_a_call_may_take_what_is_left_of_its_tasks_time(rig: Rig) -> None:
    async def main() -> None:
        api = Api(delay_s=5)
        async with rig.queue() as queue, rig.serving(api):  # the policy allows 10 s
            result = await queue.wait(await queue.submit(CopywritingTask(prompt="a", deadline_s=0.7)), 10)
            assert (result.error, result.attempts) == ("DeadlineExceeded", 1)
            assert "no further try would begin before its deadline" in (result.message or "")
            assert 500 <= result.latency_ms < 1500

    asyncio.run(main())


def test_a_task_that_runs_is_cancelled(rig: Rig) -> None:
    async def main() -> None:
        api = Api(delay_s=20)
        async with rig.queue() as queue, rig.serving(api):
            task_id = await queue.submit("a")
            async for change in queue.subscribe(task_id):
                if change.status is TaskStatus.PROCESSING:
                    assert await queue.cancel(task_id)
            result = await queue.wait(task_id, 10)
            assert (result.status, result.error) == (TaskStatus.FAILED, "Cancelled")
            assert result.latency_ms < 5000
            await asyncio.sleep(0.1)
            assert (await queue.metrics()).processing == 0

    asyncio.run(main())


def test_a_worker_told_to_stop_finishes_what_it_has_and_leaves_the_rest(rig: Rig) -> None:
    async def main() -> None:
        api = Api(delay_s=0.5)
        async with rig.queue() as queue:
            ids = [await queue.submit(f"{n}") for n in range(12)]
            async with rig.serving(api) as worker:
                await api.until(4)
                worker.stop()
            metrics = await queue.metrics()
            assert metrics.counts["completed"] == 4 == len(api.requests)
            assert (metrics.waiting, metrics.processing, metrics.workers) == (8, 0, 0)
            async with rig.serving(Api()):  # nothing has to be reclaimed: it starts at once
                results = [await queue.wait(task_id, 5) for task_id in ids]
            assert all(result.ok for result in results)

    asyncio.run(main())


def test_after_its_grace_a_worker_hands_back_what_it_has_not_finished(rig: Rig) -> None:
    async def main() -> None:
        api = Api(delay_s=60)
        async with rig.queue() as queue:
            task_id = await queue.submit("a")
            async with rig.serving(api, replace(QUICK, grace_s=0.2)):
                await api.until(1)
            record = await queue.record(task_id)
            assert (record.status, record.tries) == (TaskStatus.PENDING, 0)
            assert record.last_error == "its worker was told to stop"
            async with rig.serving(Api()):
                assert (await queue.wait(task_id, 5)).ok

    asyncio.run(main())


def test_a_job_that_outlasts_the_idle_timeout_runs_once(rig: Rig) -> None:
    async def main() -> None:
        api = Api(delay_s=1.5)
        brief = WorkerSettings(concurrency=2, idle_timeout_s=0.5)
        async with rig.queue() as queue, rig.serving(api, brief), rig.serving(api, brief):
            ids = [await queue.submit(f"{n}") for n in range(4)]
            results = [await queue.wait(task_id, 20) for task_id in ids]
            await asyncio.sleep(0.6)
            assert sorted(api.requests) == ["0", "1", "2", "3"]
            assert {(r.ok, r.tries) for r in results} == {(True, 1)}
            assert "commits_refused" not in (await queue.metrics()).counts

    asyncio.run(main())


def test_a_worker_with_a_load_generators_tag_passes_it_on(one: Rig) -> None:
    async def main() -> None:
        api = Api()
        async with one.queue() as queue, one.serving(api):
            tag = Tag(call_id=17, shop="shop-3", reply_tokens=40)
            await queue.wait(await queue.submit(CopywritingTask(prompt="a", tag=tag)), 10)
        assert api.headers[0]["x-primetime-call"] == "17"
        assert api.headers[0]["x-primetime-tokens"] == "40"

    asyncio.run(main())


def test_a_worker_can_stop_by_itself_when_nothing_is_left(one: Rig) -> None:
    async def main() -> None:
        api = Api()
        async with one.queue() as queue, api.client() as client:
            for n in range(10):
                await queue.submit(f"{n}")
            await asyncio.wait_for(Worker(queue, client, QUICK).run(until_empty=True), 20)
            assert sorted(api.requests) == sorted(f"{n}" for n in range(10))

    asyncio.run(main())


def test_times_are_derived_from_the_policy() -> None:
    policy = replace(ONCE, deadline_s=24.9)
    assert longest_job_s(policy) == pytest.approx(29.9)
    assert idle_timeout_of(WorkerSettings(), policy) == pytest.approx(59.8)
    assert longest_job_s(replace(ONCE, deadline_s=None)) == 605.0
    assert jobs_of(WorkerSettings(concurrency=7), policy) == 7
    assert jobs_of(WorkerSettings(), replace(policy, retry=RetryConfig())) == 100  # its permits


def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    """As the server's client does while it connects."""

    async def deaf_once() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(deaf_once())
        await asyncio.sleep(0)
        await asyncio.wait_for(_cancelled([task]), 10)
        assert task.cancelled()

    asyncio.run(main())

"""A task is held by one try at a time, and only that one can end it or put it back; both servers."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from harness.queue import CopywritingTask, Queue, TaskStatus
from harness.queue.documents import VERSION, EndDocument, encode, failure
from harness.queue.engine import GROUP
from harness.queue.settings import WorkerSettings
from tests.harness.queue.rig import Api, Rig

NOTHING = encode(failure("E", "e"))


async def claim(queue: Queue, task_id: str, worker: str, lease_ms: int, token: str = "") -> list[object]:
    """As a worker does."""
    token = token or uuid4().hex
    keep = queue.remembering
    script = ("claim", task_id, worker, token, lease_ms, VERSION, 3, *keep, NOTHING, NOTHING, NOTHING)
    return [*await queue.run(*script), token]


async def commit(queue: Queue, task_id: str, fence: object, token: object, text: str) -> object:
    document = encode(EndDocument(VERSION, text=text))
    keep = queue.remembering
    return await queue.run("commit", task_id, str(fence), str(token), "completed", document, 0, *keep, 1)


async def put_back(queue: Queue, task_id: str, fence: object, token: object) -> object:
    held = (task_id, str(fence), str(token))
    return await queue.run("put_back", *held, 0, 0, "why", 1, *queue.remembering, NOTHING)


def test_a_task_is_taken_up_by_one_worker_only(rig: Rig) -> None:
    async def main() -> None:
        async with rig.queue() as queue:
            task_id = await queue.submit("a")
            claims = [claim(queue, task_id, f"w{n}", 5000) for n in range(20)]
            kinds = sorted(str(reply[0]) for reply in await asyncio.gather(*claims))
            assert kinds == ["held"] * 19 + ["taken"]
            assert (await queue.record(task_id)).tries == 1

    asyncio.run(main())


def test_a_claim_whose_reply_was_lost_is_the_same_claim(rig: Rig) -> None:
    async def main() -> None:
        async with rig.queue() as queue:
            task_id = await queue.submit("a")
            first = await claim(queue, task_id, "w", 5000, "token")
            again = await claim(queue, task_id, "w", 5000, "token")
            assert (again[:3], again[4:]) == (first[:3], first[4:])  # but for the time that is left
            assert first[:3] == ["taken", 1, 1]
            assert await commit(queue, task_id, 1, "token", "text") == "done"
            assert await commit(queue, task_id, 1, "token", "text") == "done"
            assert (await queue.metrics()).counts == {"submitted": 1, "completed": 1}

    asyncio.run(main())


def test_who_was_silent_for_too_long_can_neither_end_a_task_nor_put_it_back(rig: Rig) -> None:
    async def main() -> None:
        async with rig.queue() as queue:
            task_id = await queue.submit("a")
            _, fence, *_, token = await claim(queue, task_id, "slow", 100)
            await asyncio.sleep(0.15)
            _, second_fence, tries, *_, second = await claim(queue, task_id, "quick", 5000)
            assert (fence, second_fence, tries) == (1, 2, 2)
            assert await commit(queue, task_id, fence, token, "of the slow one") == "refused"
            assert await put_back(queue, task_id, fence, token) == ["refused"]
            assert await queue.status(task_id) is TaskStatus.PROCESSING
            assert await commit(queue, task_id, second_fence, second, "of the quick one") == "done"
            assert await commit(queue, task_id, fence, token, "of the slow one") == "refused"
            result = await queue.result(task_id)
            assert result is not None
            assert result.text == "of the quick one"
            assert (await queue.metrics()).counts == {
                "submitted": 1,
                "reclaimed": 1,
                "commits_refused": 2,
                "returns_refused": 1,
                "completed": 1,
            }

    asyncio.run(main())


def test_a_sign_of_life_keeps_a_task_and_tells_what_is_lost(rig: Rig) -> None:
    async def main() -> None:
        async with rig.queue() as queue:
            kept, lost = await queue.submit("a"), await queue.submit("b")
            _, kept_fence, *_ = await claim(queue, kept, "w", 300)
            _, lost_fence, *_ = await claim(queue, lost, "w", 300)
            await asyncio.sleep(0.2)
            assert await queue.run("beat", "w", 5000, kept, str(kept_fence), lost, "17") == [lost]
            await asyncio.sleep(0.2)
            assert (await claim(queue, kept, "other", 300))[0] == "held"
            assert (await claim(queue, lost, "other", 300))[:3] == ["taken", 2, 2]
            assert lost_fence == 1

    asyncio.run(main())


def test_a_task_whose_worker_died_is_served_by_another(rig: Rig) -> None:
    async def main() -> None:
        api = Api()
        async with rig.queue() as queue:
            task_id = await queue.submit("a")
            stream = f"streaq:{queue.name}:queues:normal"
            # A worker that fetched the message, took the task up, and was killed.
            fetched = await queue.ask(lambda redis: redis.xreadgroup(GROUP, "dead", {stream: ">"}, count=1))
            assert fetched
            assert (await claim(queue, task_id, "dead", 600))[0] == "taken"
            async with rig.serving(api, WorkerSettings(concurrency=2, idle_timeout_s=0.6)):
                result = await queue.wait(task_id, 20)
            assert (result.text, result.tries) == ("echo of a", 2)
            assert api.requests == ["a"]
            assert 600 <= result.latency_ms < 6000
            assert (await queue.metrics()).counts["reclaimed"] == 1

    asyncio.run(main())


def test_a_task_that_takes_every_worker_with_it_is_a_dead_letter(rig: Rig) -> None:
    async def main() -> None:
        async with rig.queue() as queue:
            task_id = await queue.submit("a")
            for tries in (1, 2, 3):
                assert (await claim(queue, task_id, f"w{tries}", 50))[2] == tries
                await asyncio.sleep(0.07)
            assert (await claim(queue, task_id, "w4", 50))[0] == "ended"
            assert [letter.task_id for letter in await queue.dead()] == [task_id]

    asyncio.run(main())


def test_a_task_cancelled_while_its_worker_was_dead_ends(rig: Rig) -> None:
    async def main() -> None:
        api = Api()
        async with rig.queue() as queue:
            task_id = await queue.submit("a")
            await claim(queue, task_id, "dead", 200)
            assert await queue.cancel(task_id)
            assert await queue.status(task_id) is TaskStatus.PROCESSING
            await asyncio.sleep(0.25)
            async with rig.serving(api):
                assert (await queue.wait(task_id, 10)).error == "Cancelled"
            assert api.requests == []

    asyncio.run(main())


def test_a_task_cancelled_while_it_ran_ends_when_it_is_put_back(rig: Rig) -> None:
    async def main() -> None:
        async with rig.queue() as queue:
            task_id = await queue.submit("a")
            _, fence, *_, token = await claim(queue, task_id, "w", 5000)
            assert await queue.cancel(task_id)
            assert await put_back(queue, task_id, fence, token) == ["ended"]
            assert await put_back(queue, task_id, fence, token) == ["ended"]  # its reply was lost
            record = await queue.record(task_id)
            assert (record.status, record.tries, record.attempts) == (TaskStatus.FAILED, 1, 1)
            metrics = await queue.metrics()
            assert metrics.counts == {"submitted": 1, "cancelled": 1, "failed": 1}
            assert (metrics.waiting, metrics.processing) == (0, 0)

    asyncio.run(main())


async def engine_keeps(queue: Queue, task_id: str) -> list[str]:
    """What streaQ has of a task, but for its result."""
    prefix = f"streaq:{queue.name}:"
    kept = [f"{prefix}task:data:{task_id}", f"{prefix}task:retry:{task_id}"]
    found = [key for key in kept if await queue.ask(lambda redis, key=key: redis.exists([key]))]
    running = f"{prefix}index:running"
    return found + [running] * bool(await queue.ask(lambda redis: redis.sismember(running, task_id)))


def test_of_a_delayed_task_that_is_cancelled_the_engine_keeps_nothing(rig: Rig) -> None:
    async def main() -> None:
        async with rig.queue() as queue:
            task_id = await queue.submit(CopywritingTask(prompt="a", delay_s=60))
            retry = f"streaq:{queue.name}:task:retry:{task_id}"
            await queue.ask(lambda redis: redis.set(retry, 2))
            assert len(await engine_keeps(queue, task_id)) == 2
            assert await queue.cancel(task_id)
            assert await engine_keeps(queue, task_id) == []

    asyncio.run(main())


def test_of_a_message_that_came_twice_the_engine_keeps_nothing(rig: Rig) -> None:
    async def main() -> None:
        async with rig.queue() as queue:
            task_id = await queue.submit("a")
            stream = f"streaq:{queue.name}:queues:normal"
            again = {"task_id": task_id, "enqueue_time": "1"}
            await queue.ask(lambda redis: redis.xadd(stream, again))
            async with rig.serving(Api(), WorkerSettings(concurrency=1)):
                assert (await queue.wait(task_id, 10)).ok
                for _ in range(500):
                    if not await queue.ask(lambda redis: redis.xlen(stream)):
                        break
                    await asyncio.sleep(0.02)
            assert await engine_keeps(queue, task_id) == []

    asyncio.run(main())


def test_a_message_whose_data_are_gone_does_not_take_its_task_along(one: Rig) -> None:
    async def main() -> None:
        async with one.queue() as queue:
            task_id = await queue.submit("a")
            await queue.ask(lambda redis: redis.delete([f"streaq:{queue.name}:task:data:{task_id}"]))
            async with one.serving(Api()):
                assert (await queue.wait(task_id, 15)).ok

    asyncio.run(main())

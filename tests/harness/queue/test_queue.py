"""What a submitter sees; both servers."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from harness import Message, RequestError
from harness.queue import (
    CopywritingTask,
    NotFinished,
    Priority,
    QueueClosed,
    QueueFull,
    QueueSettings,
    TaskResult,
    TaskStatus,
    UnknownTask,
)
from harness.queue.records import rate_of, wait_of
from tests.harness.queue.rig import QUICK, Api, Rig, always


def test_a_task_is_pending_then_processing_then_completed(rig: Rig) -> None:
    async def main() -> None:
        api = Api(delay_s=0.05)
        async with rig.queue() as queue:
            task_id = await queue.submit("ขอแคปชัน")
            assert await queue.status(task_id) is TaskStatus.PENDING
            assert await queue.result(task_id) is None
            async with rig.serving(api):
                seen = [(change.status, change.tries) async for change in queue.subscribe(task_id)]
                result = await queue.wait(task_id, 10)
            assert seen == [
                (TaskStatus.PENDING, 0),
                (TaskStatus.PROCESSING, 1),
                (TaskStatus.COMPLETED, 1),
            ]
            assert (result.ok, result.text, result.tries, result.attempts) == (True, "echo of ขอแคปชัน", 1, 1)
            assert result.usage is not None
            assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (5, 7)
            assert result.call_ms is not None
            assert 50 <= result.call_ms <= result.latency_ms + 1

    asyncio.run(main())


def test_everything_of_a_task_reaches_the_api(rig: Rig) -> None:
    async def main() -> None:
        api = Api()
        async with rig.queue() as queue, rig.serving(api):
            conversation = CopywritingTask(
                messages=(Message("user", "one"), Message("assistant", "two"), Message("user", "three")),
                model="m-17",
                max_tokens=9,
                temperature=0.25,
                extra={"top_p": 0.5},
                key="order-17",
            )
            await queue.wait(await queue.submit(conversation), 10)
        assert api.bodies[0]["model"] == "m-17"
        assert api.bodies[0]["max_tokens"] == 9
        assert api.bodies[0]["temperature"] == 0.25
        assert api.bodies[0]["top_p"] == 0.5
        assert api.bodies[0]["messages"] == [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": "three"},
        ]
        assert api.headers[0]["idempotency-key"] == "order-17"

    asyncio.run(main())


def test_one_key_is_one_task_however_many_submit_it_at_once(rig: Rig) -> None:
    async def main() -> None:
        async with rig.queue() as one, rig.queue() as other:
            task = CopywritingTask(prompt="a", key="order-1")
            ids = await asyncio.gather(*(queue.submit(task) for queue in [one, other] * 20))
            metrics = await one.metrics()
        assert len(set(ids)) == 1
        assert metrics.waiting == 1
        assert metrics.counts == {"submitted": 1, "repeated": 39}

    asyncio.run(main())


def test_the_bound_on_waiting_tasks_holds_for_all_submitters_together(rig: Rig) -> None:
    async def main() -> None:
        settings = QueueSettings(max_depth=20)
        async with rig.queue(settings) as one, rig.queue(settings) as two, rig.queue(settings) as three:
            tries = [queue.submit(f"{n}") for n in range(20) for queue in (one, two, three)]
            ends = await asyncio.gather(*tries, return_exceptions=True)
            metrics = await one.metrics()
        refused = [end for end in ends if isinstance(end, QueueFull)]
        assert len([end for end in ends if isinstance(end, str)]) == 20
        assert len(refused) == 40
        assert {(error.depth, error.limit, error.wait_s) for error in refused} == {(20, 20, None)}
        assert "20 tasks wait or run, at most 20 may" in str(refused[0])
        assert metrics.depth == {"high": 0, "normal": 20, "low": 0}

    asyncio.run(main())


def test_a_full_queue_tells_when_to_come_back(rig: Rig) -> None:
    async def main() -> None:
        async with rig.queue(QueueSettings(max_depth=10)) as queue:
            first = [await queue.submit(f"{n}") for n in range(10)]
            async with rig.serving(Api()):
                for task_id in first:
                    await queue.wait(task_id, 10)
            metrics = await queue.metrics()
            for n in range(10):
                await queue.submit(f"again {n}")
            with pytest.raises(QueueFull) as caught:
                await queue.submit("one too many")
        # Ten tasks wait; ten were ended in the life of this queue, which is shorter than the minute.
        assert 0.9 <= metrics.completion_rate_per_s <= 10
        assert caught.value.wait_s is not None
        assert 1.0 <= caught.value.wait_s <= 15
        assert "s of work" in str(caught.value)

    asyncio.run(main())


def test_the_estimate_is_depth_over_rate() -> None:
    assert rate_of(30, 60_000) == 0.5
    assert rate_of(30, 10_000) == 3.0
    assert rate_of(5, 20) == 5.0  # never over less than a second
    assert wait_of(120, 30, 60_000) == 240.0
    assert wait_of(120, 4, 60_000) is None  # half an hour, or two: nobody can tell
    assert wait_of(120, 5, 60_000) == 1440.0
    assert wait_of(0, 0, 60_000) == 0.0


def test_a_task_that_waits_is_cancelled_at_once_and_never_served(rig: Rig) -> None:
    async def main() -> None:
        api = Api()
        async with rig.queue() as queue:
            now, later = (
                await queue.submit("now"),
                await queue.submit(CopywritingTask(prompt="x", delay_s=60)),
            )
            assert await queue.cancel(now)
            assert await queue.cancel(later)
            assert not await queue.cancel(now)
            result = await queue.wait(now, 1)
            assert (result.status, result.error) == (TaskStatus.FAILED, "Cancelled")
            async with rig.serving(api):
                await queue.wait(await queue.submit("after"), 10)
            assert api.requests == ["after"]
            assert (await queue.metrics()).waiting == 0

    asyncio.run(main())


def test_a_task_is_not_served_before_its_time(rig: Rig) -> None:
    async def main() -> None:
        async with rig.queue() as queue, rig.serving(Api()):
            task_id = await queue.submit(CopywritingTask(prompt="later", delay_s=0.8))
            assert (await queue.metrics()).delayed == 1
            result = await queue.wait(task_id, 10)
            assert 800 <= result.latency_ms < 3000

    asyncio.run(main())


def test_a_closed_queue_takes_nothing_until_it_is_opened(rig: Rig) -> None:
    async def main() -> None:
        async with rig.queue() as queue:
            kept = await queue.submit(CopywritingTask(prompt="a", key="k"))
            await queue.close_to_new()
            with pytest.raises(QueueClosed, match="takes no tasks"):
                await queue.submit("b")
            assert await queue.submit(CopywritingTask(prompt="a", key="k")) == kept
            await queue.open_again()
            await queue.submit("c")
            assert (await queue.metrics()).counts == {"submitted": 2, "refused": 1, "repeated": 1}

    asyncio.run(main())


def test_who_waits_in_vain_is_told(one: Rig) -> None:
    async def main() -> None:
        async with one.queue() as queue:
            with pytest.raises(NotFinished, match=r"has not ended after 0\.05 s"):
                await queue.wait(await queue.submit("a"), 0.05)
            for asking in (queue.status, queue.result, queue.record, queue.wait, queue.cancel):
                with pytest.raises(UnknownTask, match="knows no task 'nobody'"):
                    await asking("nobody")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (CopywritingTask(), "a prompt or messages, one of them"),
        (CopywritingTask(prompt="a", messages=(Message("user", "b"),)), "a prompt or messages, one of them"),
        (CopywritingTask(prompt=" "), "prompt = ' ': expected text"),
        (CopywritingTask(messages=()), "expected at least one"),
        (CopywritingTask(prompt="a", max_tokens=0), "max_tokens = 0"),
        (CopywritingTask(prompt="a", key="with space"), "key = 'with space'"),
        (CopywritingTask(prompt="a", priority="urgent"), "one of high, normal, low"),  # type: ignore[arg-type]
        (CopywritingTask(prompt="a", delay_s=-1), "delay_s = -1"),
        (CopywritingTask(prompt="a", delay_s=float("nan")), "delay_s = nan"),
        (CopywritingTask(prompt="a", deadline_s=0), "deadline_s = 0"),
        (CopywritingTask(prompt="a", delay_s=5, deadline_s=5), "less than the deadline of 5 s"),
        (CopywritingTask(prompt="\ud800"), "cannot be written as JSON"),
        (CopywritingTask(prompt="a", extra={"f": object()}), "cannot be written as JSON"),
        (CopywritingTask(prompt="a" * 2_000_000), "expected at most 1048576"),
        (17, "expected a CopywritingTask, or a prompt"),
    ],
)
def test_what_cannot_be_served_is_not_accepted(one: Rig, task: CopywritingTask, words: str) -> None:
    async def main() -> None:
        async with one.queue() as queue:
            with pytest.raises(RequestError, match=words):
                await queue.submit(task)
            assert (await queue.metrics()).counts == {}

    asyncio.run(main())


def test_priorities_order_who_waits(rig: Rig) -> None:
    async def main() -> None:
        api = Api()
        async with rig.queue() as queue:
            ids = []
            for n in range(5):
                for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH):
                    task = CopywritingTask(prompt=f"{priority} {n}", priority=priority)
                    ids.append(await queue.submit(task))
            assert (await queue.metrics()).depth == {"high": 5, "normal": 5, "low": 5}
            async with rig.serving(api, replace(QUICK, concurrency=1)):
                await asyncio.gather(*(queue.wait(task_id, 20) for task_id in ids))
        expected = [f"{priority} {n}" for priority in ("high", "normal", "low") for n in range(5)]
        assert api.requests == expected

    asyncio.run(main())


def test_tasks_under_way_take_up_room_so_that_those_put_back_find_theirs(rig: Rig) -> None:
    async def main() -> None:
        api = Api(delay_s=30)
        async with rig.queue(QueueSettings(max_depth=6)) as queue:
            async with rig.serving(api, replace(QUICK, grace_s=0.05)):
                for n in range(6):
                    await queue.submit(f"{n}")
                await api.until(4)
                with pytest.raises(QueueFull):
                    await queue.submit("one too many")
            metrics = await queue.metrics()
            assert (metrics.waiting, metrics.processing) == (6, 0)

    asyncio.run(main())


def test_a_task_of_high_priority_overtakes_a_long_line(rig: Rig) -> None:
    async def main() -> None:
        api = Api(delay_s=0.02)
        async with rig.queue() as queue, rig.serving(api):
            low = [CopywritingTask(prompt=f"low {n}", priority=Priority.LOW) for n in range(120)]
            lows = [await queue.submit(task) for task in low]
            await api.until(10)
            high = [CopywritingTask(prompt=f"high {n}", priority=Priority.HIGH) for n in range(10)]
            highs = await asyncio.gather(*(queue.submit(task) for task in high))
            seen = len(api.requests)
            await asyncio.gather(*(queue.wait(task_id, 20) for task_id in highs + lows))
        places = [n for n, prompt in enumerate(api.requests) if prompt.startswith("high")]
        # Four jobs run, and with them as many were fetched beforehand as there were free jobs, and one.
        assert len(places) == 10
        assert max(places) <= seen + 10 + 5

    asyncio.run(main())


def test_a_dead_letter_that_is_forgotten_while_they_are_listed_is_left_out(one: Rig) -> None:
    async def main() -> None:
        async with one.queue() as queue, one.serving(Api(always(401))):
            task_id = await queue.submit("a")
            await queue.wait(task_id, 10)
            dead = f"primetime:{queue.name}:dead"
            await queue.ask(lambda redis: redis.zadd(dead, {"purged-meanwhile": 1}))
            assert [letter.task_id for letter in await queue.dead()] == [task_id]

    asyncio.run(main())


def test_who_has_waited_listens_no_more_when_the_result_is_asked_for(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    ears: list[object] = []

    async def main() -> None:
        async with one.queue() as queue, one.serving(Api()):
            asked = queue.result

            async def result(task_id: str) -> TaskResult | None:
                assert queue._listening is not None
                ears.append(dict(queue._listening._ears))
                return await asked(task_id)

            monkeypatch.setattr(queue, "result", result)
            assert (await queue.wait(await queue.submit("a"), 10)).ok

    asyncio.run(main())
    assert ears == [{}]

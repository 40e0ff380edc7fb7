"""A value of a newer version is a clear error, and is left where it is."""

from __future__ import annotations

import asyncio

import pytest

from harness.queue import NewerVersion, Queue, TaskStatus, UnreadableValue
from harness.queue.documents import (
    VERSION,
    EndDocument,
    TaskDocument,
    decode,
    encode,
    failure,
)
from harness.queue.tasks import CopywritingTask
from tests.harness.queue.rig import Api, Rig


async def rewrite(queue: Queue, task_id: str, **fields: str) -> None:
    key = f"primetime:{queue.name}:task:{task_id}"
    await queue.ask(lambda redis: redis.hset(key, fields))


def test_a_task_of_a_newer_version_waits_for_a_newer_worker(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        api = Api()
        async with rig.queue() as queue:
            newer = await queue.submit("newer")
            await rewrite(queue, newer, v="2")
            async with rig.serving(api):
                await queue.wait(await queue.submit("ours"), 10)
                for asking in (queue.record, queue.result, queue.wait):
                    with pytest.raises(NewerVersion, match=r"format 2, this one reads up to 1\): upgrade"):
                        await asking(newer)
            assert api.requests == ["ours"]
            assert (await queue.metrics()).waiting == 1
            await rewrite(queue, newer, v="1")  # as if a worker came that can read it
            await queue.ask(
                lambda redis: redis.zadd(f"streaq:{queue.name}:queues:delayed:normal", {newer: 1})
            )
            async with rig.serving(api):
                assert (await queue.wait(newer, 10)).ok

    asyncio.run(main())
    assert sum("was written by a newer version" in record.message for record in caplog.records) == 1


def test_a_document_of_a_newer_version_is_put_back(one: Rig) -> None:
    async def main() -> None:
        async with one.queue() as queue:
            task_id = await queue.submit("a")
            await rewrite(queue, task_id, body='{"v":2,"task":{"pages":3}}')
            async with one.serving(Api()):
                async for change in queue.subscribe(task_id):  # pending, processing, pending again
                    if change.status is TaskStatus.PROCESSING:
                        break
                await asyncio.sleep(0.2)
            await rewrite(queue, task_id, body=encode(TaskDocument(VERSION, CopywritingTask(prompt="a"))))
            record = await queue.record(task_id)
            assert (record.status, record.tries) == (TaskStatus.PENDING, 0)
            assert "newer version" in (record.last_error or "")

    asyncio.run(main())


def test_a_task_that_nobody_can_read_is_a_dead_letter(one: Rig) -> None:
    async def main() -> None:
        async with one.queue() as queue:
            task_id = await queue.submit("a")
            await rewrite(queue, task_id, body='{"v":1,"task":{"priority":"urgent"}}')
            async with one.serving(Api()):
                async for change in queue.subscribe(task_id):
                    if change.status.is_final:
                        break
            result = await queue.result(task_id)
            assert result is not None
            assert result.error == "UnreadableValue"
            other = await queue.submit("b")
            await rewrite(queue, other, body="also none")
            async with one.serving(Api()):
                await queue.wait(other, 10)
            letters = await queue.dead()
            assert [(letter.task_id, letter.task) for letter in letters] == [(task_id, None), (other, None)]
            assert letters[0].result == result
            assert (await queue.record(task_id)).task is None

    asyncio.run(main())


def test_a_queue_of_a_newer_version_is_not_opened(one: Rig) -> None:
    async def main() -> None:
        async with one.queue() as queue:
            await queue.submit("a")
            await queue.ask(lambda redis: redis.hset(f"primetime:{queue.name}:meta", {"format": 2}))
        with pytest.raises(NewerVersion, match=r"queue .* was written by a newer version"):
            async with one.queue():
                pass

    asyncio.run(main())


def test_documents_come_back_as_they_were() -> None:
    task = TaskDocument(VERSION, CopywritingTask(prompt="กาแฟ", key="k", deadline_s=2.5))
    assert decode(encode(task), TaskDocument, "it") == task
    end = failure("Fatal", "no", call_ms=1.5)
    assert decode(encode(end), EndDocument, "it") == end


@pytest.mark.parametrize("text", ["", "17", "{}", '{"v":"1"}', "\x80\x04K\x01.", '{"v":1,"task":17}'])
def test_what_no_version_wrote_is_said_to_be_so(text: str) -> None:
    with pytest.raises(UnreadableValue, match="task 17 is not what this library wrote"):
        decode(text, TaskDocument, "task 17")

"""A task is written as streaQ would write it: this holds the version in pyproject.toml to our scripts."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from harness.queue import CopywritingTask, Priority, Queue
from harness.queue.engine import Engine, deserialized, engine_data, serialized
from tests.harness.queue.rig import Rig


async def theirs(queue: Queue, delay_s: float, priority: Priority) -> dict[str, object]:
    """What streaQ itself leaves on the server for a task."""
    engine = Engine(queue.address, f"{queue.name}-theirs", identity="e")
    async with engine:
        task = engine.registry["write_copy"].enqueue()
        if delay_s:
            task.start(delay=timedelta(seconds=delay_s), priority=str(priority))
        else:
            task.start(priority=str(priority))
        await task
    return await left(queue, f"streaq:{engine.queue_name}:", task.id)


async def left(queue: Queue, prefix: str, task_id: str) -> dict[str, object]:
    """The keys of a task, without its id and instants."""
    found: dict[str, object] = {}
    for key in await queue.ask(lambda redis: redis.keys(f"{prefix}*")):
        name = str(key).removeprefix(prefix).replace(task_id, "ID")
        kind = await queue.ask(lambda redis, key=key: redis.type(key))  # type: ignore[misc]
        if kind == "string":
            data = msgspec.json.decode(await queue.ask(lambda redis, key=key: redis.get(key)))  # type: ignore[misc]
            found[name] = {**data, "t": "T"}
        elif kind == "zset":
            scored = await queue.ask(lambda redis, key=key: redis.zrange(key, 0, -1))  # type: ignore[misc]
            found[name] = [str(member).replace(task_id, "ID") for member in scored]
        elif kind == "stream":
            entries = await queue.ask(lambda redis, key=key: redis.xrange(key))  # type: ignore[misc]
            fields = [dict(entry.field_values) for entry in entries]
            if fields:  # ours makes the streams of all priorities beforehand
                found[name] = [
                    {**f, "task_id": f["task_id"].replace(task_id, "ID"), "enqueue_time": "T"} for f in fields
                ]
    return found


@pytest.mark.parametrize("delay_s", [0.0, 60.0])
def test_our_submission_leaves_what_streaqs_own_does(rig: Rig, delay_s: float) -> None:
    async def main() -> None:
        async with rig.queue() as queue:
            task = CopywritingTask(prompt="a", delay_s=delay_s, priority=Priority.HIGH)
            task_id = await queue.submit(task)
            ours = await left(queue, f"streaq:{queue.name}:", task_id)
            expected = await theirs(queue, delay_s, Priority.HIGH)
            assert ours == expected
            assert set(ours) == {"task:data:ID", "queues:delayed:high" if delay_s else "queues:high"}

    asyncio.run(main())


def test_the_engines_data_are_json_and_come_back() -> None:
    data = engine_data(1_700_000_000_000)
    assert msgspec.json.decode(data) == {"f": "write_copy", "a": [], "k": {}, "t": 1_700_000_000_000}
    failed = serialized({"s": False, "r": ValueError("why")})
    assert msgspec.json.decode(failed) == {"s": False, "r": "ValueError: why"}
    assert str(deserialized(failed)["r"]) == "ValueError: why"
    with pytest.raises(NotImplementedError):
        serialized({"r": object()})

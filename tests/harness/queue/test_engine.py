"""Where streaQ would end, ours goes on; both servers."""

from __future__ import annotations

import asyncio

from harness.queue import CopywritingTask, Priority
from harness.queue.engine import Engine
from tests.harness.queue.rig import Rig


def test_what_comes_of_all_streams_at_once_is_no_more_than_there_is_room_for(rig: Rig) -> None:
    """Tasks of all priorities that come in the moment before a worker begins to wait for some."""

    async def main() -> None:
        async with rig.queue() as queue:
            for n in range(5):
                for priority in Priority:
                    await queue.submit(CopywritingTask(prompt=f"{n}", priority=priority))
            engine = Engine(queue.address, queue.name, identity="e", concurrency=5)
            async with engine:
                found = await engine._read_streams_legacy(6, block=True)
            assert found is not None
            assert [len(messages) for messages in found.values()] == [2, 2, 2]

    asyncio.run(main())

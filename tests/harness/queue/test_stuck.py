"""A worker that hangs is overtaken by another; when it comes to itself again, it changes nothing."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from harness.queue import TaskStatus
from mockserver.pytest_plugin import MockLLM
from tests.harness.queue.processes import WorkerProcess
from tests.harness.queue.rig import Rig


@pytest.mark.slow
def test_a_stuck_job_is_reclaimed_and_its_late_result_refused(
    rig: Rig, mock_llm: MockLLM, tmp_path: Path
) -> None:
    mock_llm.fail("delay", delay_ms=1500, first=1)

    def worker() -> WorkerProcess:
        options = ("--idle-timeout", "2", "--concurrency", "2")
        return WorkerProcess(rig.url, rig.name, mock_llm.openai_base_url, tmp_path, *options)

    async def main() -> None:
        stuck = worker()
        async with rig.queue() as queue:
            task_id = await queue.submit("a")
            async for change in queue.subscribe(task_id):
                if change.status is TaskStatus.PROCESSING:
                    break
            await asyncio.sleep(0.3)
            stuck.send(signal.SIGSTOP)
            began_s = time.monotonic()
            other = worker()
            result = await queue.wait(task_id, 30)
            took_s = time.monotonic() - began_s
            stuck.send(signal.SIGCONT)
            for _ in range(500):
                counts = (await queue.metrics()).counts
                if "commits_refused" in counts:
                    break
                await asyncio.sleep(0.02)
            assert (result.ok, result.tries) == (True, 2)
            assert 1.5 <= took_s < 15
            assert counts == {"submitted": 1, "completed": 1, "reclaimed": 1, "commits_refused": 1}
            assert await queue.result(task_id) == result
        for process in (stuck, other):
            process.send(signal.SIGTERM)
            assert process.wait(30) == 0

    asyncio.run(main())
    assert [row["attempt"] for row in mock_llm.requests()] in ([1001, 1], [1, 1001])

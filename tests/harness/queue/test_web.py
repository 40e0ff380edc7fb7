"""StreaQ's own web UI, by the command that the README gives."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from harness.queue import CopywritingTask
from tests.harness.queue.rig import Api, Rig, always

ROOT = Path(__file__).parents[3]


def documented() -> list[str]:
    """The command as it stands in the README."""
    found = re.search(r"python -m (streaq web .*)", (ROOT / "harness/queue/README.md").read_text())
    assert found is not None
    return found.group(1).split()


@pytest.mark.slow
def test_the_documented_command_shows_the_queue(one: Rig) -> None:
    async def tasks() -> list[str]:
        async with one.queue() as queue:
            async with one.serving(Api()):
                done = await queue.submit("done")
                await queue.wait(done, 10)
            async with one.serving(Api(always(401))):
                failed = await queue.submit("failed")
                await queue.wait(failed, 10)
            return [
                done,
                failed,
                await queue.submit("waits"),
                await queue.submit(CopywritingTask(prompt="later", delay_s=60)),
            ]

    ids = asyncio.run(tasks())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [sys.executable, "-m", *documented()]
    arguments[arguments.index("--port") + 1] = str(port)
    environment = os.environ | {"REDIS_URL": one.url, "QUEUE_NAME": one.name, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        arguments, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        page = ""
        for _ in range(600):
            assert process.poll() is None, process.stdout and process.stdout.read().decode()
            with suppress(httpx.TransportError):
                page = httpx.get(f"http://127.0.0.1:{port}/queue", timeout=10).text
                break
            time.sleep(0.05)
        assert all(task_id in page for task_id in ids)
        assert one.name in page
        for task_id in ids:
            assert httpx.get(f"http://127.0.0.1:{port}/task/{task_id}", timeout=10).status_code == 200
        assert httpx.delete(f"http://127.0.0.1:{port}/task/{ids[2]}", timeout=10).status_code == 200
    finally:
        process.terminate()
        process.communicate(timeout=20)

    async def after() -> None:
        """A task aborted there before it ran ends here, too."""
        api = Api()
        async with one.queue() as queue, one.serving(api):
            result = await queue.wait(ids[2], 10)
            assert (result.ok, result.error) == (False, "Cancelled")
            assert api.requests == []

    asyncio.run(after())

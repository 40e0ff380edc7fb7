"""Nothing accepted is lost, nothing committed twice: workers and server are killed, and the API fails."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from harness import Tag
from harness.queue import CopywritingTask, Queue, QueueSettings, TaskResult
from mockserver.process import MockServerProcess
from tests.harness.queue.processes import WorkerProcess, log_rows
from tests.harness.queue.servers import Server, server_of

TASKS = 2000
WORKERS = 3
CONCURRENCY = 12
SEED = 20

#: Replies of up to 500 tokens in up to a second, and one request in seven fails.
PROFILE = """
[ttft]
median_ms = 200
sigma = 0.3
slow_share = 0
[inter_token]
mean_ms = 1.5
cv = 0.1
[[request_faults]]
name = "error"
action = "status"
status = 500
probability = 0.05
[[request_faults]]
name = "throttle"
action = "status"
status = 429
retry_after_s = 0.2
probability = 0.03
[[request_faults]]
name = "reset"
action = "reset"
probability = 0.03
[[request_faults]]
name = "cut"
action = "truncate"
probability = 0.02
[[request_faults]]
name = "no-json"
action = "half_json"
probability = 0.02
"""

POLICY = """
preset = "tuned"
deadline_s = 5
attempt_timeout_s = 4
[retry]
attempts = 4
base_s = 0.05
throttle_base_s = 0.1
[budget]
kind = "off"
[concurrency]
kind = "static"
limit = 12
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["valkey", "redis"])
def test_two_thousand_tasks_survive_kills_of_workers_and_server(kind: str, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    (tmp_path / "profile.toml").write_text(PROFILE)
    log = tmp_path / "requests.jsonl"
    mock = MockServerProcess("--profile", str(tmp_path / "profile.toml"), "--seed", "7", "--log", str(log))
    with server_of(kind, tmp_path / "server") as server, mock:
        kills, results, counts = asyncio.run(evening(server, mock, tmp_path))
        mock.ask("GET", "/healthz")
        time.sleep(0.3)  # the log is on disk within a tenth of a second

    calls = paid_for(log)
    duplicates = sum(count - 1 for count in calls.values())
    lost = [n for n, result in results.items() if result is None]
    completed = [n for n, result in results.items() if result is not None and result.ok]
    sys.stdout.write(
        f"\n{kind}: {len(completed)} completed, {TASKS - len(completed) - len(lost)} failed,"
        f" {len(lost)} lost; {kills} workers and the server killed; {duplicates} generations beyond one"
        f" a task (bound {kills * CONCURRENCY}); {counts}\n"
    )
    assert lost == []
    assert counts["submitted"] == TASKS
    assert counts["completed"] + counts.get("failed", 0) == TASKS
    assert counts["completed"] == len(completed) >= 0.99 * TASKS
    assert all(is_right(n, results[n]) for n in completed)
    assert set(completed) <= set(calls)
    assert duplicates <= kills * CONCURRENCY
    assert kills >= 8
    assert counts["reclaimed"] > 0


async def evening(
    server: Server, mock: MockServerProcess, folder: Path
) -> tuple[int, dict[int, TaskResult | None], dict[str, int]]:
    """Submit, kill, wait; how many workers were killed, and what came of every task."""
    name, rng = "kills", Random(SEED)

    def new_worker() -> WorkerProcess:
        options = ("--policy", str(folder / "policy.toml"), "--concurrency", str(CONCURRENCY))
        return WorkerProcess(server.url, name, f"{mock.url}/v1", folder, *options)

    workers = [new_worker() for _ in range(WORKERS)]
    kills = 0
    async with Queue(server.url, name=name, settings=QueueSettings(patience_s=30)) as queue:
        submitting = asyncio.create_task(submit_all(queue))
        while True:
            await asyncio.sleep(rng.uniform(0.5, 2.0))
            metrics = await queue.metrics()
            ended = metrics.counts.get("completed", 0) + metrics.counts.get("failed", 0)
            if ended >= 0.9 * TASKS:
                break
            victim = rng.randrange(WORKERS)
            workers[victim].kill()
            kills += 1
            if kills == 5:
                await asyncio.to_thread(server.kill)
                await asyncio.sleep(0.5)
                await asyncio.to_thread(server.start)
            workers[victim] = await asyncio.to_thread(new_worker)
        ids = await submitting
        ends: dict[int, TaskResult | None] = {}
        for n, task_id in ids.items():
            ends[n] = await queue.wait(task_id, 180)
        metrics = await queue.metrics()
        assert (metrics.waiting, metrics.processing) == (0, 0)
    for worker in workers:
        worker.send(signal.SIGTERM)
    assert [await asyncio.to_thread(worker.wait, 30) for worker in workers] == [0] * WORKERS
    return kills, ends, metrics.counts


async def submit_all(queue: Queue) -> dict[int, str]:
    """All tasks, a few at once, so that some are submitted while the server is away."""
    ids: dict[int, str] = {}

    async def submit(n: int) -> None:
        tag = Tag(call_id=n, reply_tokens=tokens_of(n))
        ids[n] = await queue.submit(CopywritingTask(prompt=prompt_of(n), system=None, key=f"k{n}", tag=tag))

    for first in range(0, TASKS, 40):
        await asyncio.gather(*(submit(n) for n in range(first, first + 40)))
        await asyncio.sleep(0.2)
    return ids


def prompt_of(n: int) -> str:
    """Of a length that, with `tokens_of`, no other task has."""
    return "ก" * (20 + 20 * (n // 500))


def tokens_of(n: int) -> int:
    return 1 + n % 500


def is_right(n: int, result: TaskResult | None) -> bool:
    """Whether a result is this task's: a prompt of its length, and the reply it asked for."""
    if result is None or result.usage is None or result.text is None:
        return False
    return (
        result.usage.completion_tokens == tokens_of(n)
        and len(result.text) == 2 * tokens_of(n)
        and result.usage.prompt_tokens == PROMPT_TOKENS[n // 500]
    )


#: The mock server counts two characters a token.
PROMPT_TOKENS = [10, 20, 30, 40]


def paid_for(log: Path) -> Counter[int]:
    """Generations that no fault kept from the caller, by call id."""
    rows = log_rows(log)
    return Counter(
        int(str(row["call"])) for row in rows if row["started_us"] is not None and not row["fault"]
    )

"""The API is down at full load: what queue, submitters and server do, and how the queue drains afterwards.

`python -m tests.benchmarks.queue_outage --outage 300 --png outage.png` plays five minutes of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.queue import EmbeddedServer, Queue, QueueFull, QueueSettings
from mockserver.process import MockServerProcess
from tests.harness.queue.processes import WorkerProcess, log_rows

#: Requests a second that the worker's policy allows, and tasks a second that are submitted.
RATE = 50.0
LOAD = 40.0

#: Requests of one second more than that: what the bucket has saved up in a second.
BURST = 50.0

POLICY = """
preset = "tuned"
[rate]
rpm = 3000
burst_s = 1.0
[breaker]
open_s = 2.0
max_open_s = 8.0
"""

PROFILE = """
[ttft]
median_ms = 150
sigma = 0.3
slow_share = 0
[inter_token]
mean_ms = 1
cv = 0.1
[length]
median_tokens = 150
sigma = 0.3
"""

DOWN = {"action": "status", "status": 503, "name": "down"}

BEFORE_S = 10.0
AFTER_S = 10.0
EVERY_S = 0.5
SUBMITTERS = 4
MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """The run at one instant; counts are since its start, memory in megabytes."""

    at_s: float
    offered: int
    accepted: int
    refused: int
    waiting: int
    delayed: int
    processing: int
    completed: int
    failed: int
    server_mb: float
    submitters_mb: float
    worker_mb: float


@dataclass(frozen=True, slots=True)
class Outage:
    """One run. `requests` are those that reached the API, by second; `waits_s` what rejections told."""

    outage_s: float
    max_depth: int
    samples: list[Sample]
    requests: list[int]
    waits_s: list[float | None]

    @property
    def ends_s(self) -> float:
        """When the API came back."""
        return BEFORE_S + self.outage_s


class Load:
    """Submitters at a constant rate, until told to stop. One that is turned away goes on with its next."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.offered = self.accepted = 0
        self.waits_s: list[float | None] = []
        self.stop = asyncio.Event()

    async def submit(self, number: int) -> None:
        """One of the submitters: every `SUBMITTERS`-th task."""
        began_s = time.monotonic() + number / LOAD
        for n in range(10**9):
            await asyncio.sleep(max(0.0, began_s + n * SUBMITTERS / LOAD - time.monotonic()))
            if self.stop.is_set():
                return
            self.offered += 1
            try:
                await self._queue.submit(f"เขียนแคปชันสินค้าชิ้นที่ {number}-{n}")
                self.accepted += 1
            except QueueFull as full:
                self.waits_s.append(full.wait_s)


def play(outage_s: float, max_depth: int, folder: Path) -> Outage:
    """Ten seconds of load, an outage, ten seconds more of load, and the time it takes to drain."""
    (folder / "policy.toml").write_text(POLICY)
    (folder / "profile.toml").write_text(PROFILE)
    log = folder / "requests.jsonl"
    server = EmbeddedServer(folder / "queue")
    server.start()
    try:
        with MockServerProcess("--profile", str(folder / "profile.toml"), "--log", str(log)) as mock:
            url = f"{mock.url}/v1"
            worker = WorkerProcess(server.url, "outage", url, folder, "--policy", str(folder / "policy.toml"))
            started_us = mock.ask("GET", "/admin/stats")["now_us"]
            samples, waits_s = asyncio.run(_evening(outage_s, max_depth, server, mock, worker))
            worker.send(signal.SIGTERM)
            assert worker.wait(60) == 0
        at_us = [int(str(row["received_us"])) - started_us for row in log_rows(log)]
    finally:
        server.stop()
    seconds = Counter(max(0, us) // 1_000_000 for us in at_us)
    requests = [seconds[n] for n in range(max(seconds) + 1)]
    return Outage(outage_s, max_depth, samples, requests, waits_s)


async def _evening(
    outage_s: float, max_depth: int, server: EmbeddedServer, mock: MockServerProcess, worker: WorkerProcess
) -> tuple[list[Sample], list[float | None]]:
    samples: list[Sample] = []
    began_s = time.monotonic()
    memory = [psutil.Process(pid) for pid in (server.pid() or 0, os.getpid(), worker.process.pid)]
    async with Queue(server.url, name="outage", settings=QueueSettings(max_depth=max_depth)) as queue:
        load = Load(queue)

        async def look() -> Sample:
            m = await queue.metrics()
            mb = [process.memory_info().rss / MB for process in memory]
            ended = (m.counts.get("completed", 0), m.counts.get("failed", 0))
            now_s = time.monotonic() - began_s
            return Sample(
                now_s,
                load.offered,
                load.accepted,
                len(load.waits_s),
                m.waiting,
                m.delayed,
                m.processing,
                *ended,
                *mb,
            )

        async def watch() -> None:
            while True:
                sample = await look()
                samples.append(sample)
                if load.stop.is_set() and not sample.waiting and not sample.processing:
                    return
                await asyncio.sleep(EVERY_S)

        watching = asyncio.create_task(watch())
        submitting = [asyncio.create_task(load.submit(n)) for n in range(SUBMITTERS)]
        profile = mock.ask("GET", "/admin/profile")
        await asyncio.sleep(BEFORE_S - (time.monotonic() - began_s))
        mock.ask("PUT", "/admin/profile", profile | {"request_faults": [DOWN]})
        await asyncio.sleep(BEFORE_S + outage_s - (time.monotonic() - began_s))
        mock.ask("PUT", "/admin/profile", profile)
        await asyncio.sleep(AFTER_S)
        load.stop.set()
        await asyncio.gather(*submitting, watching)
    return samples, load.waits_s


def draw(run: Outage, path: Path) -> None:
    """The four pictures of a run."""
    figure = Figure(figsize=(10, 11), layout="constrained")
    FigureCanvasAgg(figure)
    tasks, backlog, api, memory = figure.subplots(4, 1, sharex=True)
    at = [s.at_s for s in run.samples]
    for name, color in (("offered", "0.6"), ("accepted", "C0"), ("refused", "C3")):
        tasks.plot(at[1:], _rates(run, name), color=color, label=name)
    tasks.set(ylabel="tasks / s", title=f"An outage of {run.outage_s:g} s at {LOAD:g} tasks a second")
    for name in ("waiting", "delayed", "processing"):
        backlog.plot(at, [getattr(s, name) for s in run.samples], label=name)
    backlog.axhline(run.max_depth, color="0.5", linestyle=":", label="most that may wait")
    backlog.set(ylabel="tasks")
    api.step(range(len(run.requests)), run.requests, where="post", color="C1", label="requests at the API")
    api.plot(at[1:], _rates(run, "completed"), color="C2", label="tasks completed")
    api.axhline(RATE, color="0.5", linestyle=":", label="the policy's rate")
    api.set(ylabel="a second")
    for name, label in (("server_mb", "server"), ("submitters_mb", "submitters"), ("worker_mb", "worker")):
        memory.plot(at, [getattr(s, name) for s in run.samples], label=label)
    memory.set(ylabel="resident MB", xlabel="seconds", ylim=(0, None))
    for axes in (tasks, backlog, api, memory):
        axes.axvspan(BEFORE_S, run.ends_s, color="0.92", zorder=0)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small")
    figure.savefig(path, dpi=110)


def _rates(run: Outage, name: str) -> list[float]:
    """A count's rise a second, sample by sample, over the last two seconds."""
    rates = []
    for n in range(1, len(run.samples)):
        before, now = run.samples[max(0, n - 4)], run.samples[n]
        rates.append((getattr(now, name) - getattr(before, name)) / (now.at_s - before.at_s))
    return rates


def figures(run: Outage) -> dict[str, float | int | None]:
    """What the run is judged by."""
    last, end = run.samples[-1], int(run.ends_s)
    down = run.requests[int(BEFORE_S) + 1 : end]
    after = run.requests[end:]
    told = [wait_s for wait_s in run.waits_s if wait_s is not None]
    full = [s for s in run.samples if s.at_s > BEFORE_S + 5]
    drained = next((s for s in run.samples if s.at_s > run.ends_s and s.waiting <= RATE), last)
    return {
        "outage_s": run.outage_s,
        "max_depth": run.max_depth,
        "offered": last.offered,
        "accepted": last.accepted,
        "refused": last.refused,
        "completed": last.completed,
        "failed": last.failed,
        "most_waiting": max(s.waiting for s in run.samples),
        "requests_while_down": sum(down),
        "most_requests_in_a_second_after": max(after),
        "mean_requests_a_second_while_draining": round(_mean_of_busy(after), 1),
        "drained_after_s": drained.at_s - run.ends_s,
        "server_mb_grew": max(s.server_mb for s in full) - min(s.server_mb for s in full[:4]),
        "server_mb": max(s.server_mb for s in run.samples),
        "submitters_mb_grew": max(s.submitters_mb for s in full) - full[0].submitters_mb,
        "worker_mb_grew": max(s.worker_mb for s in full) - full[0].worker_mb,
        "shortest_wait_told_s": min(told, default=None),
        "longest_wait_told_s": max(told, default=None),
    }


def _mean_of_busy(after: Sequence[int]) -> float:
    """Requests a second from the first busy second, whose burst is the bucket's, to the last one."""
    busy = [n for n, requests in enumerate(after) if requests > RATE / 2][1:]
    return sum(after[busy[0] : busy[-1] + 1]) / (busy[-1] + 1 - busy[0]) if busy else 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Play one, print its figures and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--outage", type=float, default=300.0, metavar="S", help="how long the API is down (300)"
    )
    parser.add_argument("--max-depth", type=int, default=2000, metavar="N", help="tasks that may wait (2000)")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw it there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="and keep its samples there")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        run = play(given.outage, given.max_depth, Path(folder))
    sys.stdout.write(json.dumps(figures(run), indent=1) + "\n")
    if given.png:
        draw(run, given.png)
    if given.json:
        given.json.write_text(json.dumps(asdict(run)))


if __name__ == "__main__":
    main()

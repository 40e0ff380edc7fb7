"""Measuring the queue: the ways take turns on one server, round after round."""

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from statistics import median

import psutil

from tests.benchmarks.queue_peers import LIST, OURS, STREAQ, Peer, opened, serving

KINDS = (OURS, STREAQ, LIST)

#: Submissions at the start of each turn that are not measured: connections are opened, scripts loaded.
WARM_UP = 20

#: Tasks that are waited for one after the other.
ALONE = 20

#: A turn that takes longer than this is given up.
MOST_S = 120.0


class PeerFailedError(Exception):
    """A way did not answer as it should: its figures would mean nothing."""


@dataclass(frozen=True)
class Plan:
    """How much is measured: so many tasks a turn, by so many submitters, then by so many jobs."""

    tasks: int
    at_once: int
    rounds: int


@dataclass
class Row:
    """What was measured of one way, a figure a round."""

    name: str
    submitted_per_s: list[float] = field(default_factory=list)
    completed_per_s: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)
    alone_ms: list[float] = field(default_factory=list)


async def measure(url: str, server_pid: int, plan: Plan, progress: Callable[[int, str], None]) -> list[Row]:
    """A row a way. Raises PeerFailedError."""
    rows, server = [Row(kind) for kind in KINDS], psutil.Process(server_pid)
    for number in range(1, plan.rounds + 1):
        for row in rows:
            progress(number, row.name)
            try:
                async with (
                    asyncio.timeout(MOST_S),
                    opened(row.name, url, f"bench{number}", plan.at_once) as peer,
                ):
                    await _turn(row, peer, server, plan)
            except (ValueError, TimeoutError, ExceptionGroup) as error:
                raise PeerFailedError(f"{row.name}: {type(error).__name__}: {error}") from error
    return rows


async def _turn(row: Row, peer: Peer, server: psutil.Process, plan: Plan) -> None:
    """One way's part of a round: all are submitted, then all are served, then some alone."""
    await _submit(peer, WARM_UP, plan.at_once)
    gc.collect()
    theirs, ours, began = _cpu_s(server), time.process_time(), time.perf_counter()
    await _submit(peer, plan.tasks, plan.at_once)
    row.submitted_per_s.append(plan.tasks / (time.perf_counter() - began))
    bell = _Bell(WARM_UP + plan.tasks)
    async with serving(peer, plan.at_once, bell.ring) as worker:
        await _first(bell.rung.wait(), worker)
        row.completed_per_s.append(bell.per_s)
        row.cpu_us.append((time.process_time() - ours) / plan.tasks * 1e6)
        row.server_us.append((_cpu_s(server) - theirs) / plan.tasks * 1e6)
        row.alone_ms.append(await _alone(peer))


async def _first(rung: Coroutine[None, None, bool], worker: "asyncio.Task[None]") -> None:
    """Until all has been served; a worker that ends before that tells why."""
    waiting = asyncio.create_task(rung)
    await asyncio.wait({waiting, worker}, return_when=asyncio.FIRST_COMPLETED)
    if worker.done():
        waiting.cancel()
        raise PeerFailedError(f"the worker has ended: {worker.exception()!r}")


async def _submit(peer: Peer, tasks: int, at_once: int) -> None:
    left = iter(range(tasks))

    async def one_after_the_other() -> None:
        for _ in left:
            await peer.submit()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one_after_the_other())


async def _alone(peer: Peer) -> float:
    """Milliseconds from submission to answer, of tasks that nobody is in the way of; their median."""
    took = []
    for _ in range(ALONE):
        began = time.perf_counter()
        await peer.whole()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


class _Bell:
    """Rings when so many tasks have ended; the rate is from the first to the last of them."""

    def __init__(self, tasks: int) -> None:
        self._tasks = tasks
        self._times: list[float] = []
        self.rung = asyncio.Event()

    def ring(self) -> None:
        """One has ended."""
        self._times.append(time.perf_counter())
        if len(self._times) >= self._tasks:
            self.rung.set()

    @property
    def per_s(self) -> float:
        """Tasks a second."""
        return (self._tasks - 1) / (self._times[self._tasks - 1] - self._times[0])


def _cpu_s(server: psutil.Process) -> float:
    times = server.cpu_times()
    return times.user + times.system


def text(rows: Sequence[Row]) -> str:
    """The table: medians over the rounds, and how many times the bare list's rate."""
    head = ("submitted/s", "x list", "completed/s", "x list", "CPU µs", "server µs", "alone ms")
    lines = [f"{'':14}" + "".join(f"{word:>13}" for word in head)]
    for row in rows:
        figures = _figures(row, rows)
        shown = (
            f"{figures['submitted_per_s']:,.0f}",
            f"{figures['submitted_times_list']:.2f}",
            f"{figures['completed_per_s']:,.0f}",
            f"{figures['completed_times_list']:.2f}",
            f"{figures['cpu_us']:,.0f}",
            f"{figures['server_us']:,.0f}",
            f"{figures['alone_ms']:.2f}",
        )
        lines.append(f"{row.name:14}" + "".join(f"{word:>13}" for word in shown))
    ours, streaq = (_figures(row, rows) for row in rows[:2])
    submitted = ours["submitted_per_s"] / streaq["submitted_per_s"]
    completed = ours["completed_per_s"] / streaq["completed_per_s"]
    cpu_us, server_us = (ours[name] - streaq[name] for name in ("cpu_us", "server_us"))
    beside = (
        f"{OURS} beside {STREAQ}: {submitted:.2f} of its submissions a second, {completed:.2f} of its"
        f" completions; {cpu_us:+,.0f} µs of our CPU and {server_us:+,.0f} µs of the server's a task"
    )
    lines += ["", beside]
    return "\n".join(lines)


def document(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The same for machines, with every round."""
    return [{"name": row.name, **_figures(row, rows), "rounds": vars(row)} for row in rows]


def _figures(row: Row, rows: Sequence[Row]) -> dict[str, float]:
    bare = next(other for other in rows if other.name == LIST)
    return {
        "submitted_per_s": median(row.submitted_per_s),
        "submitted_times_list": median(row.submitted_per_s) / median(bare.submitted_per_s),
        "completed_per_s": median(row.completed_per_s),
        "completed_times_list": median(row.completed_per_s) / median(bare.completed_per_s),
        "cpu_us": median(row.cpu_us),
        "server_us": median(row.server_us),
        "alone_ms": median(row.alone_ms),
    }

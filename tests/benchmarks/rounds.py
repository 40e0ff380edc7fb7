"""Measuring: the peers take turns, round after round, so that a noisy moment falls on all of them."""

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

from tests.benchmarks.peers import Call, Peer
from tests.benchmarks.serving import Served
from tests.benchmarks.zero_server import TEXT

#: Calls without a network take microseconds: so many times more of them make a round.
IN_PROCESS_FACTOR = 10

#: Unmeasured calls a worker at the start of each turn: connections that fell idle are opened again.
WARM_UP = 2


class PeerFailedError(Exception):
    """A peer did not answer as it should: its figures would mean nothing."""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    calls: int
    concurrency: int
    rounds: int

    def calls_of(self, peer: Peer) -> int:
        """Of one round."""
        return self.calls * IN_PROCESS_FACTOR if peer.in_process else self.calls


@dataclass
class Row:
    """What was measured of a peer, a figure a round; nothing where a module is `missing`."""

    peer: Peer
    calls: int
    missing: str | None
    calls_per_s: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    server_busy: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Median of calls a second."""
        return median(self.calls_per_s)

    @property
    def cost_us(self) -> float:
        """Median of this process' CPU a call."""
        return median(self.cpu_us)


async def measure(
    peers: Sequence[Peer], served: Served, plan: Plan, progress: Callable[[int, Peer], None]
) -> list[Row]:
    """A row a peer. Raises PeerFailedError."""
    rows = [Row(peer, plan.calls_of(peer), peer.missing) for peer in peers]
    async with AsyncExitStack() as stack:
        present = [
            (row, await stack.enter_async_context(row.peer.open(served.url)))
            for row in rows
            if row.missing is None
        ]
        for number in range(1, plan.rounds + 1):
            for row, call in present:
                progress(number, row.peer)
                await _turn(row, call, served, plan.concurrency)
    return rows


async def _turn(row: Row, call: Call, served: Served, concurrency: int) -> None:
    """One peer's part of a round. Garbage collection stays on; what others left is collected before."""
    await _play(row.peer, call, WARM_UP * concurrency, concurrency)
    gc.collect()
    server_s, wall_s, cpu_s = served.cpu_s(), time.perf_counter(), time.process_time()
    await _play(row.peer, call, row.calls, concurrency)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    row.calls_per_s.append(row.calls / wall_s)
    row.cpu_us.append(cpu_s / row.calls * 1e6)
    row.server_busy.append((served.cpu_s() - server_s) / wall_s)


async def _play(peer: Peer, call: Call, calls: int, concurrency: int) -> None:
    """So many calls by so many workers."""
    left = iter(range(calls))

    async def work() -> None:
        for _ in left:
            if await call() != TEXT:
                raise PeerFailedError(f"{peer.name}: the reply is not the server's")

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(work())
    except* Exception as errors:  # noqa: BLE001 - whatever it was, it is told
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise PeerFailedError(f"{peer.name}: {type(first).__name__}: {first}") from first

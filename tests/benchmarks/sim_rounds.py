"""Measuring virtual time: the same evening by our client and by bare asyncio, in turns, on one core."""

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from harness.sim import loop
from harness.units import NS
from reports.virtual.play import VirtualRun
from tests.benchmarks.one_evening import count, evening
from tests.benchmarks.table import Check

CALM = "tuned on calm"
PRIMETIME = "tuned on primetime"
BARE = "bare asyncio"

#: The acceptance of virtual time, and what it aims at.
LEAST_CALLS_PER_S = 8_000
AIM_CALLS_PER_S = 15_000

PEAK_RPS = 20.0

# What the bare peer does of a call: a permit of as many as the preset has, a timeout, and the time that a
# reply of the profile calm usually takes.
PERMITS = 100
TIMEOUT_S = 30.0
REPLY_S = 2.7


@dataclass
class Row:
    """A peer, and what was measured of it: a figure a round."""

    name: str
    play: Callable[[], int]
    calls: int = 0
    calls_per_s: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Median of logical calls a second of CPU: a core's, whoever else uses the machine."""
        return median(1e6 / us for us in self.cpu_us)


def measure(length_s: float, rounds: int, progress: Callable[[int, str], None]) -> list[Row]:
    """A row a peer: the evening of so long, played by each in turn."""
    evenings = {name: evening("tuned", profile, length_s, PEAK_RPS) for name, profile in _PROFILES.items()}
    rows = [Row(name, _playing(run)) for name, run in evenings.items()]
    rows.append(Row(BARE, lambda: loop.run(_bare(evenings[CALM]))))
    for number in range(1, rounds + 1):
        for row in rows:
            progress(number, row.name)
            _turn(row)
    return rows


def checks(rows: Sequence[Row]) -> list[Check]:
    """The acceptance, from the medians."""
    what = (
        f"logical calls a second on one core, {{}} (at least {LEAST_CALLS_PER_S:,}, aim {AIM_CALLS_PER_S:,})"
    )
    return [
        Check(what.format(row.name), row.rate, "calls/s", row.rate >= LEAST_CALLS_PER_S, digits=0)
        for row in rows
        if row.name != BARE
    ]


def text(rows: Sequence[Row]) -> str:
    """The table: medians over the rounds, with the least and the most CPU of any."""
    width = max(len(row.name) for row in rows)
    lines = [f"{'':{width}}  {'calls':>8}  {'calls/s':>9}  {'CPU µs':>8}  {'from - to':>15}  {'x bare':>7}"]
    for row in rows:
        spread = f"{min(row.cpu_us):.1f} - {max(row.cpu_us):.1f}"
        figures = f"{row.calls:>8,}  {row.rate:>9,.0f}  {median(row.cpu_us):>8.1f}  {spread:>15}"
        lines.append(f"{row.name:{width}}  {figures}  {times_bare(row, rows):>7.2f}")
    return "\n".join(lines)


def document(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The same for machines."""
    return [
        {
            "name": row.name,
            "calls": row.calls,
            "calls_per_s": row.rate,
            "wall_calls_per_s": median(row.calls_per_s),
            "cpu_us_of_rounds": row.cpu_us,
            "times_bare": times_bare(row, rows),
        }
        for row in rows
    ]


def times_bare(row: Row, rows: Sequence[Row]) -> float:
    """How many times as fast as bare asyncio."""
    return row.rate / next(other.rate for other in rows if other.name == BARE)


def _playing(run: VirtualRun) -> Callable[[], int]:
    return lambda: count(run).total()


def _turn(row: Row) -> None:
    """One peer's part of a round, without the garbage collector, as the cells of a sweep play."""
    gc.collect()
    gc.disable()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    row.calls = row.play()
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    gc.enable()
    row.calls_per_s.append(row.calls / wall_s)
    row.cpu_us.append(cpu_s / row.calls * 1e6)


async def _bare(run: VirtualRun) -> int:
    """The evening's arrivals; of each call only what no client can do without."""
    running, permits, ended = asyncio.get_running_loop(), asyncio.Semaphore(PERMITS), 0

    async def call() -> None:
        nonlocal ended
        async with permits, asyncio.timeout(TIMEOUT_S):
            await asyncio.sleep(REPLY_S)
        ended += 1

    schedule = run.offer.schedule
    async with asyncio.TaskGroup() as group:
        for at_ns in [] if schedule is None else schedule.at_ns.tolist():
            await asyncio.sleep(at_ns / NS - running.time())
            group.create_task(call())
    return ended


_PROFILES = {CALM: "calm", PRIMETIME: "primetime"}

"""A server that freezes in the middle of a run: what is told of it, and what coordinated omission hides."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from reports.figures.quantiles import quantile
from reports.reading.run import Ints, Run
from tests.benchmarks import servers
from tests.benchmarks.cores import ours_apart
from tests.benchmarks.load import bundled, observer, paced_locust
from tests.benchmarks.load.freezing import freeze
from tests.benchmarks.load.observer import Freeze
from tests.benchmarks.load.ours import Played, playing
from tests.benchmarks.load.section import Effort, Result, SectionError
from tests.benchmarks.table import Check

PROFILE = Path(__file__).with_name("constant.toml")
POLICY = Path(__file__).with_name("unhindered.toml")

#: What the profile plays.
SERVICE_NS = 50_000_000

RATE = 100.0
#: 50 ms a call: five callers in a loop make the same hundred calls a second.
CLOSED_USERS = 5

#: A tenth of a second each: none misses its turn while the server is well.
LOCUST_USERS = 10

MOST_OFF = 0.02
NS = 1_000_000_000
NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class Plan:
    """How long it plays, and when the server is to freeze."""

    seconds: float
    freeze: Freeze


FULL = Plan(60.0, Freeze(20 * NS, 30 * NS))
QUICK = Plan(6.0, Freeze(2 * NS, 3 * NS))


@dataclass(frozen=True)
class Row:
    """One generator: the p99 it tells, and the one an ideal observer finds for the same freeze."""

    name: str
    calls: int
    p99_ms: float
    ideal_ms: float

    @property
    def off(self) -> float:
        """As a share of the ideal; negative where too little was told."""
        return self.p99_ms / self.ideal_ms - 1


def measure(effort: Effort, say: Callable[[str], None]) -> Result:
    """Three runs under the same freeze: our open loop, our closed one, and Locust's own users."""
    plan = QUICK if effort.quick else FULL
    with ours_apart() as cores:
        say(f"omission: our open loop, {plan.seconds:g} s")
        run, frozen = _played(plan, cores, "--rate", f"{RATE:g}", "--arrivals", "poisson")
        arrivals_ns = _intended_ns(run)
        rows = [_row("ours, open loop", run, arrivals_ns, frozen)]
        say(f"omission: our closed loop, {plan.seconds:g} s")
        run, frozen = _played(plan, cores, "--arrivals", "closed", "-u", str(CLOSED_USERS))
        rows.append(_row(f"ours, closed loop of {CLOSED_USERS}", run, arrivals_ns, frozen))
        say(f"omission: Locust's own users, {plan.seconds:g} s")
        rows.append(_locust(plan, cores, arrivals_ns))
    off = abs(rows[0].off)
    what = f"open loop, call_latency p99 beside an ideal observer's (at most {MOST_OFF:.0%} off)"
    return Result(
        f"Omission: {RATE:g} calls/s for {plan.seconds:g} s, the server frozen from"
        f" {plan.freeze.stop_ns / NS:g} to {plan.freeze.cont_ns / NS:g} s",
        table_of(rows),
        [Check(what, off * 100, "%", off <= MOST_OFF, 2)],
        {"pinned": bool(cores), "rows": [_document(row) for row in rows]},
        ["a closed loop has no schedule: its ideal is what callers on ours would have met in its run"],
    )


def _document(row: Row) -> dict[str, Any]:
    return {"name": row.name, "calls": row.calls, "p99_ms": row.p99_ms, "ideal_p99_ms": row.ideal_ms}


def table_of(rows: list[Row]) -> str:
    """For people: one that tells too little is so many times too low."""
    width = max(len(row.name) for row in rows)
    lines = [f"{'':{width}}  {'calls':>6}  {'p99 ms':>9}  {'ideal ms':>9}  {'off by':>14}"]
    for row in rows:
        times = row.ideal_ms / row.p99_ms
        off = f"{row.off:+.2%}" if times < 2 else f"{times:,.0f} x too low"
        lines.append(
            f"{row.name:{width}}  {row.calls:>6,}  {row.p99_ms:>9,.1f}  {row.ideal_ms:>9,.1f}  {off:>14}"
        )
    return "\n".join(lines)


def _row(name: str, run: Run, arrivals_ns: Ints, frozen: Freeze) -> Row:
    taken_ns = run.calls.end_ns - run.calls.intended_ns
    return Row(name, len(taken_ns), p99_ms(taken_ns), ideal_p99_ms(arrivals_ns, frozen))


def p99_ms(latencies_ns: Ints) -> float:
    """Of raw samples."""
    return quantile(np.sort(latencies_ns / NS_PER_MS), 0.99)


def ideal_p99_ms(arrivals_ns: Ints, frozen: Freeze) -> float:
    """What an ideal observer finds for a schedule."""
    return p99_ms(observer.latencies_ns(arrivals_ns, SERVICE_NS, frozen))


def _played(plan: Plan, cores: tuple[int, ...], *options: str) -> tuple[Run, Freeze]:
    """One run of ours, all of it, and when its server was frozen in truth."""
    frozen: list[Freeze] = []

    def during(scenario: psutil.Process) -> None:
        server = bundled.server_of(scenario)
        bundled.keep_to(server, cores)
        frozen.append(freeze(server, bundled.started_unix_ns(scenario), plan.freeze))

    options += ("--length", f"{plan.seconds:g}s", "--mock-profile", str(PROFILE), "--policy", str(POLICY))
    options += ("--transport", "fast")
    with playing(*options, during=during, within_s=plan.seconds + 120) as played:
        return _whole(played), frozen[0]


def _whole(played: Played) -> Run:
    run = played.run
    failed = int(np.count_nonzero(~run.ok))
    scheduled = 0 if run.ending is None else sum(run.ending.scheduled.values())
    if failed or scheduled != len(run.calls):
        raise SectionError(f"of {scheduled} calls {len(run.calls)} were recorded, {failed} did not end ok")
    return run


def _intended_ns(run: Run) -> Ints:
    """Every instant of an open loop's schedule."""
    if len(run.calls) != run.manifest.schedule.count:
        raise SectionError(f"{len(run.calls)} calls of a schedule of {run.manifest.schedule.count}")
    return run.calls.intended_ns


def _locust(plan: Plan, cores: tuple[int, ...], arrivals_ns: Ints) -> Row:
    """Locust's table under such a freeze; how exactly it falls into its run hardly matters to a p99."""
    frozen: list[Freeze] = []

    def during(process: psutil.Process, server: psutil.Process) -> None:
        del process
        frozen.append(freeze(server, time.time_ns(), plan.freeze))

    load = paced_locust.Load(LOCUST_USERS, RATE, plan.seconds)
    with servers.ours(cores, "--profile", str(PROFILE)) as server:
        told = paced_locust.play(server.port, load, {"p99": 0.99}, partial(during, server=server.process))
    ideal_ms = ideal_p99_ms(arrivals_ns, frozen[0])
    return Row("Locust's table, FastHttpUser", told.requests, told.percentiles_ms["p99"], ideal_ms)

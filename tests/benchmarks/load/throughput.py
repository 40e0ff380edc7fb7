"""Calls a second of one process with everything on, beside the generators one would use instead."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from tests.benchmarks.cores import ours_apart
from tests.benchmarks.load import aiperf, turns
from tests.benchmarks.load.callers import FAST, OURS, PEERS, ROOFLINE, USERS, USUAL
from tests.benchmarks.load.section import Effort, Result
from tests.benchmarks.load.servers import zero
from tests.benchmarks.load.turns import Row
from tests.benchmarks.load.window import MARGIN_S
from tests.benchmarks.table import Check

LEAST_TIMES_FAST = 1.5
LEAST_TIMES_USUAL = 6.0
LEAST_TIMES_AIPERF = 15.0

#: Not a bound: what we would like to reach.
STRETCH_TIMES_FAST = 2.0

_BESIDE = (("x FastHttp", FAST), ("x HttpUser", USUAL), ("x AIPerf", aiperf.NAME))


def measure(effort: Effort, say: Callable[[str], None]) -> Result:
    """The peers take turns at one server of no latency."""
    with ours_apart() as cores, zero(cores) as server:
        rows = turns.take_turns(PEERS, server, effort, lambda text: say(f"throughput: {text}"))
    pinned = "a core each" if cores else "not pinned to cores"
    return Result(
        title=(
            f"throughput: {USERS} calls at once against a server of no latency, medians of {effort.rounds}"
            f" round(s) of {effort.seconds:g} s, without the first and last {MARGIN_S:g} s; generator and"
            f" server: {pinned}"
        ),
        table=turns.table(rows, "calls/s", _BESIDE),
        checks=checks(rows),
        figures={"pinned": bool(cores), "rows": turns.document(rows, [name for _, name in _BESIDE])},
        remarks=remarks(rows),
    )


def checks(rows: dict[str, Row]) -> list[Check]:
    """The acceptance, from the medians."""
    bounds = ((FAST, LEAST_TIMES_FAST), (USUAL, LEAST_TIMES_USUAL), (aiperf.NAME, LEAST_TIMES_AIPERF))
    return [turns.at_least(rows, OURS, other, least) for other, least in bounds]


def remarks(rows: dict[str, Row]) -> list[str]:
    """What else should be known to judge the figures."""
    said = []
    ratio = turns.times(rows, OURS, FAST)
    if ratio is not None:
        met = "met" if ratio >= STRETCH_TIMES_FAST else "not met"
        said.append(f"the stretch of {STRETCH_TIMES_FAST:g} times {FAST} is {met}: {ratio:.2f}")
        paired = [a.per_s / b.per_s for a, b in zip(rows[OURS].turns, rows[FAST].turns, strict=True)]
        said.append(f"round by round, ours to {FAST}: {min(paired):.2f} to {max(paired):.2f} times")
    share = turns.times(rows, OURS, ROOFLINE)
    if share is not None:
        said.append(f"ours is {share:.0%} of what one core of Python can call at all ({ROOFLINE})")
    busy = {row.name: median(row.server_busy) for row in rows.values() if row.turns}
    shown = [max(busy.keys() - {ROOFLINE}, key=lambda name: busy[name]), ROOFLINE]
    said += [f"the server was busy {busy[name]:.0%} of the time with {name!r}" for name in shown]
    return said

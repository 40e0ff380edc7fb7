"""The fidelity section's rows: one generator each, what it told beside what its server did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.reading.run import Floats
from tests.benchmarks.load import percentiles
from tests.benchmarks.load.percentiles import FLOOR_MS, MANY, SHARE, Percentile
from tests.benchmarks.table import Check

MOST_MEDIAN_MS = 1.0
MOST_P99_MS = 5.0
#: How late the pacer may be.
MOST_LAG_MS = 2.0


@dataclass(frozen=True)
class Row:
    """A generator asked for `rate` requests a second, and the rate and percentiles of its run.

    `overhead_ms` and `lag_ms` are call by call, and of ours only; nothing but the name where it was skipped.
    """

    name: str
    rate: float
    requests: int = 0
    reached: float = 0.0
    found: tuple[Percentile, ...] = ()
    overhead_ms: Floats | None = None
    lag_ms: Floats | None = None
    skipped: str | None = None


def checks(rows: Sequence[Row]) -> list[Check]:
    """The acceptance: of ours, whose overhead is known."""
    found = []
    for row in rows:
        if row.overhead_ms is None:
            continue
        over = percentiles.of(row.overhead_ms, {"p50": 0.5, "p99": 0.99})
        for name, word, most_ms in (("p50", "median", MOST_MEDIAN_MS), ("p99", "p99", MOST_P99_MS)):
            what = f"{row.name}: e2el beyond the server's own time, {word} (under {most_ms:g} ms)"
            found.append(Check(what, over[name], "ms", over[name] < most_ms, 3))
        found += [_check(row, percentile) for percentile in row.found]
        if row.lag_ms is not None:
            lag_ms = percentiles.of(row.lag_ms, {"p99": 0.99})["p99"]
            what = f"{row.name}: arrivals after their instants, p99 (under {MOST_LAG_MS:g} ms)"
            found.append(Check(what, lag_ms, "ms", lag_ms < MOST_LAG_MS, 3))
    return found


def _check(row: Row, percentile: Percentile) -> Check:
    most = f"at most {percentile.bound_ms:.1f} ms off"
    what = f"{row.name}: {percentile.name} of e2el beside the server's ({most})"
    return Check(what, abs(percentile.off_ms), "ms", percentile.within, 3)


def text(rows: Sequence[Row]) -> str:
    """The table: what was told in milliseconds, and in brackets how far off it is."""
    width = max(len(row.name) for row in rows)
    head = f"{'':{width}}  {'asked/s':>8}  {'done/s':>8}" + "".join(f"  {name + ' ms':>18}" for name in MANY)
    lines = [head]
    for row in rows:
        if row.skipped is not None:
            lines.append(f"{row.name:{width}}  skipped: {row.skipped}")
            continue
        cells = [*percentiles.cells(row.found), *["-"] * (len(MANY) - len(row.found))]
        shown = "".join(f"  {cell:>18}" for cell in cells)
        lines.append(f"{row.name:{width}}  {row.rate:>8,.0f}  {row.reached:>8,.1f}{shown}")
    lines.append(
        f"in brackets: beyond what the server's log says; * by more than {FLOOR_MS:g} ms and {SHARE:.0%}"
    )
    return "\n".join(lines)


def remarks(rows: Sequence[Row], *, pinned: bool) -> list[str]:
    """What else should be known to judge the figures."""
    said = []
    for row in rows:
        if row.overhead_ms is not None:
            found = percentiles.of(row.overhead_ms, MANY)
            shown = ", ".join(f"{name} {ms:.2f} ms" for name, ms in found.items())
            said.append(f"{row.name}: beyond the server's own time, call by call: {shown}")
    cores = "on one core, the server on another" if pinned else "and the server not pinned to cores"
    return [
        *said,
        "Locust's table is in steps of 10 ms from 100 ms on, and of 100 ms from a second on",
        f"every generator {cores}",
    ]


def document(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {"name": row.name, "skipped": row.skipped}
        if row.skipped is not None
        else {
            "name": row.name,
            "asked_per_s": row.rate,
            "done_per_s": row.reached,
            "requests": row.requests,
            "percentiles_ms": {p.name: {"told": p.told_ms, "true": p.true_ms} for p in row.found},
            "overhead_ms": None
            if row.overhead_ms is None
            else {**percentiles.of(row.overhead_ms, MANY), "max": float(row.overhead_ms.max())},
        }
        for row in rows
    ]

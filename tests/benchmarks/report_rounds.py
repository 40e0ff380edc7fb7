"""Summing up a run by our reports and by polars, in turns: times, memory, and the same figures."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.measured import Measured, WayFailedError
from tests.benchmarks.measured import measure as measure_one
from tests.benchmarks.table import Check

MOST_GB = 2.0
BYTES_PER_GB = 1_000_000_000

WAYS = {
    "summarise": "reports summarise",
    "html": "reports html",
    "polars": "polars, the percentiles alone",
}
OURS = ("summarise", "html")

#: The percentiles that both have.
COMPARED = (
    "call_latency_ms",
    "call_latency_all_ms",
    "e2el_ms",
    "permit_wait_ms",
    "backoff_ms",
    "schedule_lag_ms",
    "loop_lag_ms",
)

#: `summary.json` holds six decimals of a millisecond; beyond them binary fractions may differ.
ROUNDED_MS = 1e-6


@dataclass
class Row:
    """A way, and what was measured of it: one a round."""

    way: str
    measured: list[Measured] = field(default_factory=list)

    @property
    def wall_s(self) -> float:
        """The median."""
        return median(one.wall_s for one in self.measured)

    @property
    def most_gb(self) -> float:
        """Of the worst round."""
        return max(one.most_bytes for one in self.measured) / BYTES_PER_GB


def measure(run: Path, rounds: int, progress: Callable[[str], None]) -> list[Row]:
    """A row a way. Raises WayFailedError, also where figures differ."""
    rows = [Row(way) for way in WAYS]
    for number in range(1, rounds + 1):
        for row in rows:
            progress(f"round {number} of {rounds}: {WAYS[row.way]}")
            row.measured.append(measure_one(row.way, run))
    found = {row.way: row.measured[0].found for row in rows}
    if differences := different(found["summarise"], found["polars"]):
        raise WayFailedError(f"polars finds something else: {'; '.join(differences[:3])}")
    return rows


def different(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """Percentiles, outcomes and kinds that are not the same, in words."""
    pairs = [(key, ours[key], theirs[key]) for key in COMPARED]
    pairs.append(("outcomes", {k: n for k, n in ours["outcomes"].items() if n}, theirs["outcomes"]))
    pairs += [
        (f"kinds.{kind}", ours["kinds"][kind]["call_latency_ms"], theirs["kinds"][kind]["call_latency_ms"])
        for kind in ours["kinds"]
    ]
    return [
        f"{where}.{name} is {mine[name]}, not {other.get(name)}"
        for where, mine, other in pairs
        for name in mine
        if not _same(mine[name], other.get(name))
    ]


def checks(rows: Sequence[Row]) -> list[Check]:
    """The acceptance: memory."""
    what = f"most memory of {{}} (under {MOST_GB:g} GB)"
    return [
        Check(what.format(WAYS[row.way]), row.most_gb, "GB", row.most_gb < MOST_GB, digits=2)
        for row in rows
        if row.way in OURS
    ]


def text(rows: Sequence[Row]) -> str:
    """The table."""
    width = max(len(name) for name in WAYS.values())
    lines = [f"{'':{width}}  {'wall':>8}  {'from - to':>15}  {'most memory':>11}  {'x polars':>8}"]
    for row in rows:
        walls = [one.wall_s for one in row.measured]
        spread = f"{min(walls):.1f} - {max(walls):.1f} s"
        figures = f"{row.wall_s:>6.1f} s  {spread:>15}  {row.most_gb:>8.2f} GB"
        lines.append(f"{WAYS[row.way]:{width}}  {figures}  {_times_polars(row, rows):>8.2f}")
    return "\n".join(lines)


def document(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {
            "name": WAYS[row.way],
            "wall_s": row.wall_s,
            "wall_s_of_rounds": [one.wall_s for one in row.measured],
            "most_bytes_of_rounds": [one.most_bytes for one in row.measured],
            "times_polars": _times_polars(row, rows),
        }
        for row in rows
    ]


def _times_polars(row: Row, rows: Sequence[Row]) -> float:
    """How many times as long as polars."""
    return row.wall_s / next(other.wall_s for other in rows if other.way == "polars")


def _same(mine: Any, other: Any) -> bool:
    if isinstance(mine, float) and isinstance(other, int | float):
        return math.isclose(mine, other, rel_tol=1e-12, abs_tol=ROUNDED_MS)
    return bool(mine == other)

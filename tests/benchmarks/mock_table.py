"""What the figures of the servers say: the tables for people, the same for machines, and the acceptance."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from tests.benchmarks.mock_rounds import AIMOCK, BARE, OURS, ROOFLINE, Row
from tests.benchmarks.table import Check

LEAST_TIMES_AIMOCK = 2.0
LEAST_TIMES_BARE = 0.6

_UNITS = {False: "JSON replies/s", True: "SSE events/s"}


def checks(rows: Sequence[Row]) -> list[Check]:
    """The acceptance, from the medians."""
    return [
        _check(rows, other, least, stream=stream)
        for stream in (False, True)
        for other, least in ((AIMOCK, LEAST_TIMES_AIMOCK), (BARE, LEAST_TIMES_BARE))
    ]


def text(rows: Sequence[Row]) -> str:
    """A table a kind of reply: medians over the rounds, with the least and the most of any."""
    return "\n\n".join(_table(rows, stream=stream) for stream in (False, True))


def remarks(rows: Sequence[Row]) -> list[str]:
    """What else should be known to judge the figures."""
    shown = []
    for row in rows:
        if row.name == ROOFLINE:
            busiest = max(
                median(other.generator_busy)
                for other in rows
                if other.stream == row.stream and other.skipped is None and other is not row
            )
            shown.append(
                f"{_UNITS[row.stream]}: the generator can count {row.rate:,.0f}, and was busy at most "
                f"{busiest:.0%} of the time with the servers measured"
            )
    return shown


def document(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {"name": row.name, "of": _UNITS[row.stream], "skipped": row.skipped}
        if row.skipped is not None
        else {
            "name": row.name,
            "of": _UNITS[row.stream],
            "per_s": row.rate,
            "per_s_of_rounds": [rate * row.units for rate in row.replies_per_s],
            "cpu_us_a_reply": row.cost_us,
            "times_aimock": _times(rows, row, AIMOCK),
            "times_bare": _times(rows, row, BARE),
            "generator_busy": median(row.generator_busy),
        }
        for row in rows
    ]


def _table(rows: Sequence[Row], *, stream: bool) -> str:
    width = max(len(row.name) for row in rows)
    head = f"{_UNITS[stream]:{width}}  {'median':>9}  {'from - to':>19}  {'CPU µs a reply':>14}"
    lines = [f"{head}  {'x aimock':>8}  {'x bare':>8}"]
    for row in rows:
        if row.stream != stream:
            continue
        if row.skipped is not None:
            lines.append(f"{row.name:{width}}  skipped: {row.skipped}")
            continue
        rates = [rate * row.units for rate in row.replies_per_s]
        times = "  ".join(_shown(_times(rows, row, other)) for other in (AIMOCK, BARE))
        spread = f"{min(rates):,.0f} - {max(rates):,.0f}"
        lines.append(f"{row.name:{width}}  {row.rate:>9,.0f}  {spread:>19}  {row.cost_us:>14.1f}  {times}")
    return "\n".join(lines)


def _check(rows: Sequence[Row], other: str, least: float, *, stream: bool) -> Check:
    what = f"{_UNITS[stream]}, ours to {other} (at least {least:g} times)"
    ours = next(row for row in rows if row.name == OURS and row.stream == stream)
    ratio = _times(rows, ours, other)
    return Check(what, ratio, "times", None if ratio is None else ratio >= least, digits=2)


def _times(rows: Sequence[Row], row: Row, other: str) -> float | None:
    """How many times as fast; None for the roofline, and where the other one is missing."""
    found = next((item for item in rows if item.name == other and item.stream == row.stream), None)
    if found is None or found.skipped is not None or row.name == ROOFLINE:
        return None
    return row.rate / found.rate


def _shown(times: float | None) -> str:
    return f"{'-' if times is None else format(times, '.2f'):>8}"

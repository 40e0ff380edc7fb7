"""What the figures say: the table for people, the same for machines, and the two lines of acceptance."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.benchmarks import peers
from tests.benchmarks.rounds import Row

MOST_POLICY_US = 30.0
LEAST_TIMES_OPENAI = 4.0

_ABSENT = "-"


@dataclass(frozen=True)
class Check:
    """One bound of the acceptance; `figure` is None when a peer of it is missing."""

    what: str
    figure: float | None
    unit: str
    passed: bool | None
    digits: int = 1

    @property
    def line(self) -> str:
        """As printed."""
        if self.figure is None:
            return f"SKIPPED  {self.what}: a peer is missing"
        return f"{'PASS' if self.passed else 'FAIL'}  {self.what}: {self.figure:.{self.digits}f} {self.unit}"


def checks(rows: Sequence[Row]) -> list[Check]:
    """The acceptance, from the medians."""
    found = {row.peer.name: row for row in rows if row.missing is None}

    def policies(what: str, ours: str, bare: str) -> Check:
        if ours not in found or bare not in found:
            return Check(what, None, "µs", None)
        cost_us = found[ours].cost_us - found[bare].cost_us
        return Check(what, cost_us, "µs CPU a call", cost_us <= MOST_POLICY_US)

    def times(what: str, ours: str, other: str) -> Check:
        if ours not in found or other not in found:
            return Check(what, None, "times", None)
        ratio = found[ours].rate / found[other].rate
        return Check(what, ratio, "times", ratio >= LEAST_TIMES_OPENAI)

    most = f"at most {MOST_POLICY_US:g} µs"
    return [
        policies(
            f"policies over the bare transport, over sockets ({most})", peers.OURS, peers.BARE_TRANSPORT
        ),
        policies(
            f"policies over the bare transport, no network ({most})", peers.IN_PROCESS, peers.BARE_IN_PROCESS
        ),
        times(
            f"the httpx transport's throughput (at least {LEAST_TIMES_OPENAI:g} times the openai SDK's)",
            peers.OURS,
            peers.OPENAI,
        ),
    ]


def remarks(rows: Sequence[Row]) -> list[str]:
    """What else should be known to judge the figures."""
    found = {row.peer.name: row for row in rows if row.missing is None}
    told_us = found[peers.TOLD_LIMITS].cost_us - found[peers.BARE_TOLD_LIMITS].cost_us
    pairs = zip(found[peers.OURS].cpu_us, found[peers.BARE_TRANSPORT].cpu_us, strict=True)
    differences = [ours - bare for ours, bare in pairs]
    busiest = max(found.values(), key=lambda row: median(row.server_busy))
    busy = median(busiest.server_busy)
    return [
        f"policies over sockets, round by round: {min(differences):.1f} to {max(differences):.1f} µs",
        f"where the API's headers tell its rate limits, the policies cost {told_us:.1f} µs a call",
        f"the server was busy at most {busy:.0%} of the time, with {busiest.peer.name!r}",
    ]


def text(rows: Sequence[Row]) -> str:
    """The table: medians over the rounds, with the least and the most CPU of any."""
    width = max(len(row.peer.name) for row in rows)
    httpx, openai = _rate(rows, peers.BARE_HTTPX), _rate(rows, peers.OPENAI)
    head = f"{'':{width}}  {'calls/s':>9}  {'CPU µs':>8}  {'from - to':>15}  {'x httpx':>8}  {'x openai':>8}"
    lines = [head]
    for row in rows:
        if row.missing is not None:
            lines.append(f"{row.peer.name:{width}}  skipped: {row.missing} is not installed")
            continue
        spread = f"{min(row.cpu_us):.1f} - {max(row.cpu_us):.1f}"
        figures = f"{row.rate:>9,.0f}  {row.cost_us:>8.1f}  {spread:>15}"
        lines.append(
            f"{row.peer.name:{width}}  {figures}  {_shown(_times(row, httpx))}  {_shown(_times(row, openai))}"
        )
    return "\n".join(lines)


def document(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The same for machines."""
    httpx, openai = _rate(rows, peers.BARE_HTTPX), _rate(rows, peers.OPENAI)
    return [
        {"name": row.peer.name, "skipped": f"{row.missing} is not installed"}
        if row.missing is not None
        else {
            "name": row.peer.name,
            "calls_a_round": row.calls,
            "calls_per_s": row.rate,
            "cpu_us": row.cost_us,
            "cpu_us_of_rounds": row.cpu_us,
            "times_httpx": _times(row, httpx),
            "times_openai": _times(row, openai),
        }
        for row in rows
    ]


def _rate(rows: Sequence[Row], name: str) -> float | None:
    return next((row.rate for row in rows if row.peer.name == name and row.missing is None), None)


def _times(row: Row, rate: float | None) -> float | None:
    """How many times as fast; of no meaning for what uses no network."""
    return None if rate is None or row.peer.in_process else row.rate / rate


def _shown(times: float | None) -> str:
    return f"{_ABSENT if times is None else format(times, '.2f'):>8}"

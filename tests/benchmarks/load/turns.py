"""Peers that take turns at one server, round after round, so that a noisy moment falls on all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.benchmarks.aimock import AbsentError
from tests.benchmarks.load.section import Effort
from tests.benchmarks.servers import Running
from tests.benchmarks.table import Check

NAME_WIDTH = 36


@dataclass(frozen=True)
class Turn:
    """One peer's part of a round: what it did a second, and all it had of the server, in the same unit.

    `ttft_ms` are the median and the 99th percentile of the times to the first token it reports.
    """

    per_s: float
    served: int
    ttft_ms: tuple[float, float] | None = None


@dataclass(frozen=True)
class Peer:
    """`turn(host, seconds)` plays once; raises AbsentError where the peer cannot be had."""

    name: str
    turn: Callable[[str, float], Turn]


@dataclass
class Row:
    """What was measured of a peer, a figure a round; or why nothing was."""

    name: str
    skipped: str | None = None
    turns: list[Turn] = field(default_factory=list)
    server_busy: list[float] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        """Median over the rounds."""
        return median(turn.per_s for turn in self.turns)


def take_turns(
    peers: Sequence[Peer], server: Running, effort: Effort, say: Callable[[str], None]
) -> dict[str, Row]:
    """A row a peer, by name. Raises SectionError for a peer that is there and does not do what it should."""
    rows = {peer.name: Row(peer.name) for peer in peers}
    for number in range(1, effort.rounds + 1):
        for peer in peers:
            row = rows[peer.name]
            if row.skipped is None:
                say(f"round {number} of {effort.rounds}: {peer.name}")
                _take(peer, row, server, effort.seconds)
    return rows


def _take(peer: Peer, row: Row, server: Running, seconds: float) -> None:
    cpu_s = server.cpu_s()
    try:
        turn = peer.turn(f"http://127.0.0.1:{server.port}", seconds)
    except AbsentError as error:
        row.skipped = str(error)
        return
    row.turns.append(turn)
    # Its time a reply, times the replies of a second: most of a turn may be the start of a process.
    row.server_busy.append((server.cpu_s() - cpu_s) / turn.served * turn.per_s if turn.served else 0.0)


def times(rows: dict[str, Row], name: str, other: str) -> float | None:
    """How many times as fast; None where one of them is missing."""
    one, another = rows[name], rows[other]
    if one.skipped is not None or another.skipped is not None:
        return None
    return one.per_s / another.per_s


def at_least(rows: dict[str, Row], name: str, other: str, least: float) -> Check:
    """A bound of the acceptance."""
    ratio = times(rows, name, other)
    what = f"{name}, to {other} (at least {least:g} times)"
    return Check(what, ratio, "times", None if ratio is None else ratio >= least, digits=2)


def table(rows: dict[str, Row], unit: str, others: Sequence[tuple[str, str]]) -> str:
    """Medians over the rounds, with the least and the most of any; `others` are (heading, name)."""
    beside = "".join(f"  {heading:>12}" for heading, _ in others)
    lines = [f"{'':{NAME_WIDTH}}  {unit:>10}  {'from - to':>19}{beside}  {'server busy':>11}"]
    for row in rows.values():
        if row.skipped is not None:
            lines.append(f"{row.name:{NAME_WIDTH}}  skipped: {row.skipped}")
            continue
        spread = f"{min(t.per_s for t in row.turns):,.0f} - {max(t.per_s for t in row.turns):,.0f}"
        ratios = "".join(f"  {_shown(times(rows, row.name, name)):>12}" for _, name in others)
        busy = f"{median(row.server_busy):>11.0%}"
        lines.append(f"{row.name:{NAME_WIDTH}}  {row.per_s:>10,.0f}  {spread:>19}{ratios}  {busy}")
    return "\n".join(lines)


def document(rows: dict[str, Row], others: Sequence[str]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {"name": row.name, "skipped": row.skipped}
        if row.skipped is not None
        else {
            "name": row.name,
            "per_s": row.per_s,
            "per_s_of_rounds": [turn.per_s for turn in row.turns],
            "ttft_ms_p50_p99_of_rounds": [turn.ttft_ms for turn in row.turns],
            "times": {name: times(rows, row.name, name) for name in others},
            "server_busy": median(row.server_busy),
        }
        for row in rows.values()
    ]


def _shown(ratio: float | None) -> str:
    return "-" if ratio is None else format(ratio, ".2f")

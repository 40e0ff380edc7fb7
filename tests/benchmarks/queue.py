"""What the queue costs: tasks a second and CPU a task, beside bare streaQ and a bare list.

python -m tests.benchmarks.queue [--tasks N] [--rounds R] [--fsync always|everysec] [--json]

All on one embedded server, in turns, medians over the rounds; 50 submitters at once, then one worker with 50
jobs, in the same process. The API answers at once: `client, no queue` is what the calls alone cost. Ours does
what the others do not: a bound on the depth, idempotency keys, claims and commits with fences, and messages.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from harness.queue import EmbeddedServer
from tests.benchmarks.queue_peers import PEERS, Turn


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of one queue."""

    name: str
    submitted_per_s: float | None
    completed_per_s: float
    cpu_us: float


def measure(tasks: int, rounds: int, server: EmbeddedServer) -> list[Row]:
    """Every queue once a round, and a first round that does not count."""
    turns: dict[str, list[Turn]] = {name: [] for name in PEERS}
    for n in range(rounds + 1):
        for name, peer in PEERS.items():
            turn = asyncio.run(_awaited(peer(server.url, tasks if n else max(1, tasks // 10))))
            if n:
                turns[name].append(turn)
    return [_row(name, found, tasks) for name, found in turns.items()]


async def _awaited(turn: object) -> Turn:
    return await turn  # type: ignore[misc,no-any-return]


def _row(name: str, turns: Sequence[Turn], tasks: int) -> Row:
    submit_s = median(turn.submit_s for turn in turns)
    return Row(
        name,
        None if name == "client, no queue" else tasks / submit_s,
        tasks / median(turn.complete_s for turn in turns),
        median(turn.cpu_us for turn in turns),
    )


def text(rows: Sequence[Row]) -> str:
    """The table."""
    lines = [f"{'':18}{'submitted/s':>12}{'completed/s':>13}{'CPU us a task':>15}"]
    for row in rows:
        submitted = "-" if row.submitted_per_s is None else f"{row.submitted_per_s:,.0f}"
        lines.append(f"{row.name:18}{submitted:>12}{row.completed_per_s:>13,.0f}{row.cpu_us:>15,.0f}")
    cost = {row.name: row.cpu_us for row in rows}
    over = cost["harness.queue"] - cost["client, no queue"]
    lines.append(
        f"overhead of the queue a task: {over:,.0f} us of CPU; bare streaQ {cost['bare streaQ']:,.0f} us"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    shown = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks.queue", description=__doc__, formatter_class=shown
    )
    parser.add_argument("--tasks", type=int, default=2000, metavar="N", help="in a turn (2000)")
    parser.add_argument("--rounds", type=int, default=3, metavar="R", help="turns a queue (3)")
    parser.add_argument("--fsync", choices=("always", "everysec"), default="always", help="(always)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    logging.getLogger("streaq").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder) / "queue", fsync=given.fsync)
        server.start()
        try:
            rows = measure(given.tasks, given.rounds, server)
        finally:
            server.stop()
    if given.json:
        document = [{name: getattr(row, name) for name in Row.__slots__} for row in rows]
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        sys.stdout.write(text(rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

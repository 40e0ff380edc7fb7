"""What the queue costs a task: our queue, bare streaQ and a bare list on one embedded Valkey, in turns.

python -m tests.benchmarks.queue [--tasks N] [--at-once N] [--rounds R] [--fsync always|everysec] [--quick]
                                 [--json]

In each round each way takes N prompts from so many submitters, then serves them all with so many jobs of one
process, by a job that answers at once: no API, no network but the server's Unix socket. streaQ writes JSON,
as we do. Rates are medians over the rounds; completions count from the first to the last. CPU is this
process's and the server's a task, submitted and served. "alone" is from submission to answer when nothing
else is done; streaQ's submitters open a subscription for every answer.
With --fsync always, the embedded server's own setting, every change is on disk before it is acknowledged.

Exit code 2 for bad arguments, 1 when a way fails.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.interrupting import answering_ctrl_c, say

if TYPE_CHECKING:
    from tests.benchmarks.queue_rounds import Plan, Row

QUICK_TASKS, QUICK_ROUNDS = 60, 1
MOST_TASKS = 100_000


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; bad ones end the process with a message and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.queue", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--tasks", type=int, default=1000, metavar="N", help="in a turn (%(default)s)")
    parser.add_argument("--at-once", type=int, default=32, metavar="N", help="submitters, jobs (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, metavar="R", help="turns a way (%(default)s)")
    parser.add_argument("--fsync", choices=("always", "everysec"), default="always", help="(%(default)s)")
    parser.add_argument("--quick", action="store_true", help="to see that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    for name, most in (("tasks", MOST_TASKS), ("at_once", 1000), ("rounds", 1000)):
        if not 1 <= getattr(options, name) <= most:
            option = name.replace("_", "-")
            parser.error(f"--{option} {getattr(options, name)}: expected from 1 to {most}")
    return options


def run(options: argparse.Namespace) -> int:
    """Measure and print; the exit code."""
    # Imported here, Ctrl-C is answered from the start.
    from tests.benchmarks import queue_rounds  # noqa: PLC0415

    tasks, rounds = (QUICK_TASKS, QUICK_ROUNDS) if options.quick else (options.tasks, options.rounds)
    plan = queue_rounds.Plan(tasks, min(options.at_once, tasks), rounds)
    try:
        rows = _measured(plan, options.fsync)
    except (OSError, RuntimeError, queue_rounds.PeerFailedError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    finally:
        say("")
    if options.json:
        document = {"fsync": options.fsync, **vars(plan), "rows": queue_rounds.document(rows)}
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(
            f"medians of {plan.rounds} rounds of {plan.tasks:,} tasks, {plan.at_once} at once, appendfsync"
            f" {options.fsync}, jobs that answer at once\n\n{queue_rounds.text(rows)}\n"
        )
    return 0


def _measured(plan: "Plan", fsync: str) -> "list[Row]":
    """The rows, on a server of their own."""
    from harness.queue import EmbeddedServer  # noqa: PLC0415
    from tests.benchmarks import queue_rounds  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="queue-bench-") as folder:
        server = EmbeddedServer(Path(folder))
        server.start()
        try:
            asyncio.run(_fsync(server.url, fsync))
            pid = server.pid()
            if pid is None:
                raise RuntimeError("the embedded server has ended")
            progress = lambda number, name: say(f"round {number} of {plan.rounds}: {name}")  # noqa: E731
            return asyncio.run(queue_rounds.measure(server.url, pid, plan, progress))
        finally:
            server.stop()


async def _fsync(url: str, how: str) -> None:
    from harness.queue.address import address_of  # noqa: PLC0415
    from harness.queue.connection import connect  # noqa: PLC0415

    async with connect(address_of(url)) as redis:
        await redis.config_set({"appendfsync": how})


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return answering_ctrl_c(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())

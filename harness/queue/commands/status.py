"""`status`: how the queue stands, or some of its tasks."""

from __future__ import annotations

import argparse
import asyncio

from harness.errors import ConfigError
from harness.queue import exits
from harness.queue.commands.options import add_place, queue_of
from harness.queue.commands.telling import as_json, metrics_text, say
from harness.queue.queue import Queue
from harness.queue.tasks import TaskStatus

NAME, HELP = "status", "how the queue stands, or with ids, these tasks"
EXAMPLES = (
    "python -m harness.queue status",
    "python -m harness.queue status --json",
    "python -m harness.queue status ID ID --cancel",
)


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    add_place(command)
    command.add_argument("ids", nargs="*", metavar="ID", help="tasks, as submit printed them")
    command.add_argument("--cancel", action="store_true", help="end these tasks first")


def run(options: argparse.Namespace) -> int:
    """Do it. Raises HarnessError."""
    if options.cancel and not options.ids:
        raise ConfigError("status --cancel: expected ids of the tasks to end")
    return asyncio.run(_status(options, queue_of(options)))


async def _status(options: argparse.Namespace, queue: Queue) -> int:
    async with queue:
        if not options.ids:
            metrics = await queue.metrics()
            print(as_json(metrics) if options.json else metrics_text(queue.name, metrics))
            return exits.OK
        if options.cancel:
            await asyncio.gather(*(queue.cancel(task_id) for task_id in options.ids))
        records = [await queue.record(task_id) for task_id in options.ids]
    say(records, json=options.json)
    failed = any(record.status is TaskStatus.FAILED for record in records)
    return exits.FAILED if failed and not options.cancel else exits.OK

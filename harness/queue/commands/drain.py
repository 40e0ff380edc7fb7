"""`drain`: take no more tasks, and wait until all there are have ended."""

from __future__ import annotations

import argparse
import asyncio
import sys

from harness import clock
from harness.errors import ConfigError
from harness.queue import exits
from harness.queue.commands.options import add_place, queue_of
from harness.queue.commands.telling import as_json, metrics_text
from harness.queue.queue import Queue
from harness.queue.tasks import Metrics
from harness.units import NS

NAME, HELP = "drain", "refuse new tasks, and wait until all that were accepted have ended"
EXAMPLES = (
    "python -m harness.queue drain --timeout 60",
    "python -m harness.queue drain --open",
)

LOOK_EVERY_S = 0.5
TELL_EVERY_S = 5.0


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    add_place(command)
    command.add_argument("--timeout", type=float, metavar="S", help="wait so long at most (without end)")
    command.add_argument("--open", action="store_true", help="take tasks again, and end at once")


def run(options: argparse.Namespace) -> int:
    """Do it. Raises HarnessError."""
    if options.open and options.timeout is not None:
        raise ConfigError("drain --open: it ends at once, and has no --timeout")
    return asyncio.run(_drain(options, queue_of(options)))


async def _drain(options: argparse.Namespace, queue: Queue) -> int:
    async with queue:
        if options.open:
            await queue.open_again()
            metrics = await queue.metrics()
        else:
            await queue.close_to_new()
            metrics = await _until_empty(queue, options.timeout)
    print(as_json(metrics) if options.json else metrics_text(queue.name, metrics))
    return exits.OK if options.open or is_empty(metrics) else exits.FAILED


async def _until_empty(queue: Queue, timeout_s: float | None) -> Metrics:
    began_ns = told_ns = clock.now_ns()
    while True:
        metrics = await queue.metrics()
        now_ns = clock.now_ns()
        if is_empty(metrics) or (timeout_s is not None and now_ns - began_ns >= timeout_s * NS):
            return metrics
        if now_ns - told_ns >= TELL_EVERY_S * NS:
            told_ns = now_ns
            left = "" if metrics.wait_s is None else f"; about {metrics.wait_s:.0f} s left"
            words = f"{metrics.waiting} wait, {metrics.processing} run, by {metrics.workers} workers{left}"
            print(words, file=sys.stderr)
        await asyncio.sleep(LOOK_EVERY_S)


def is_empty(metrics: Metrics) -> bool:
    """Whether every task has ended."""
    return not metrics.waiting and not metrics.processing

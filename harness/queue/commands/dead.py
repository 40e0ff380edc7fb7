"""`dead`: dead letters, and what becomes of them."""

from __future__ import annotations

import argparse
import asyncio

from harness.errors import ConfigError
from harness.queue import exits
from harness.queue.commands.options import add_place, queue_of
from harness.queue.commands.telling import as_json, say
from harness.queue.queue import Queue

NAME, HELP = "dead", "list dead letters, take them up again, or forget them"
EXAMPLES = (
    "python -m harness.queue dead",
    "python -m harness.queue dead redrive ID ID",
    "python -m harness.queue dead purge --all",
)

ACTIONS = ("list", "redrive", "purge")

#: Dead letters listed, unless told otherwise.
LIMIT = 100


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    add_place(command)
    command.add_argument("action", nargs="?", choices=ACTIONS, default="list", help="(list)")
    command.add_argument("ids", nargs="*", metavar="ID", help="of the tasks to redrive or purge")
    command.add_argument("--all", action="store_true", help="redrive or purge all of them")
    command.add_argument("--limit", type=int, metavar="N", help=f"list the N oldest ({LIMIT})")


def run(options: argparse.Namespace) -> int:
    """Do it. Raises HarnessError."""
    if options.action == "list":
        if options.ids or options.all:
            raise ConfigError("dead list: it takes no ids and no --all, but --limit N")
    elif bool(options.ids) == options.all:
        raise ConfigError(f"dead {options.action}: expected ids, or --all, one of them")
    elif options.limit is not None:
        raise ConfigError(f"dead {options.action}: --limit is for dead list")
    if options.limit is not None and options.limit < 1:
        raise ConfigError(f"--limit {options.limit}: expected a whole number, at least 1")
    return asyncio.run(_dead(options, queue_of(options)))


async def _dead(options: argparse.Namespace, queue: Queue) -> int:
    async with queue:
        if options.action == "list":
            say(await queue.dead(options.limit or LIMIT), json=options.json)
            return exits.OK
        ids = None if options.all else options.ids
        done = await (queue.redrive(ids) if options.action == "redrive" else queue.purge(ids))
    words = "taken up again" if options.action == "redrive" else "forgotten"
    print(as_json({options.action: done}) if options.json else f"{done} {words}")
    return exits.OK if ids is None or done == len(set(ids)) else exits.FAILED

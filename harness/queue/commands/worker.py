"""`worker`: serve tasks until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys

from harness.client.client import ResilientClient
from harness.errors import ConfigError
from harness.policy.config import Policy
from harness.policy.presets import PRESETS
from harness.policy.split import split
from harness.policy_file import load_policy
from harness.queue import exits
from harness.queue.commands.api import Api, api_of, till_of
from harness.queue.commands.options import add_place, queue_of
from harness.queue.commands.telling import as_json
from harness.queue.queue import Queue
from harness.queue.settings import QueueSettings, WorkerSettings
from harness.queue.worker import Worker
from harness.spending.given import add_budget

NAME, HELP = "worker", "serve tasks, until SIGTERM or Ctrl-C; a second one hands back what is under way"
EXAMPLES = (
    "python -m harness.queue worker --base-url http://127.0.0.1:8000/v1",
    "python -m harness.queue worker --policy my-policy.toml --share 1/4",
    "python -m harness.queue worker --wire anthropic --allow-real-target \\\n      --max-requests 1000",
    "python -m harness.queue worker --until-empty --url-file redis-url.txt",
)


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    add_place(command)
    command.add_argument(
        "--policy",
        default="tuned",
        metavar="PRESET|FILE.toml",
        help=f"the client's settings: {', '.join(PRESETS)}, or a policy file (tuned)",
    )
    command.add_argument(
        "--share",
        default="1/1",
        metavar="K/N",
        help="the policy's limits are those of N workers, of which this is number K (1/1: all for this one)",
    )
    command.add_argument(
        "--base-url",
        metavar="URL",
        help="the API (OPENAI_BASE_URL or ANTHROPIC_BASE_URL, else the provider's)",
    )
    command.add_argument(
        "--wire", choices=("openai", "anthropic"), default="openai", help="its format (openai)"
    )
    command.add_argument("--model", metavar="NAME", help="for tasks that name none")
    command.add_argument("--concurrency", type=int, metavar="N", help="jobs at once (as the policy allows)")
    command.add_argument(
        "--tries", type=int, default=5, metavar="N", help="before a task is a dead letter (5)"
    )
    command.add_argument(
        "--idle-timeout", type=float, metavar="S", help="twice the longest job, unless given"
    )
    command.add_argument(
        "--grace", type=float, metavar="S", help="to finish when told to stop (the longest job)"
    )
    command.add_argument("--until-empty", action="store_true", help="stop when no task is left")
    command.add_argument(
        "--send-ids", action="store_true", help="tell the bundled mock server each attempt's ids"
    )
    add_budget(command)


def run(options: argparse.Namespace) -> int:
    """Do it. Raises HarnessError."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    settings = WorkerSettings(
        concurrency=options.concurrency,
        tries=options.tries,
        idle_timeout_s=options.idle_timeout,
        grace_s=options.grace,
    )
    index, of = _share(options.share)
    policy = split(load_policy(options.policy), index, of)
    queue = queue_of(options, QueueSettings())
    return asyncio.run(_serve(options, queue, policy, settings, (index, of)))


async def _serve(
    options: argparse.Namespace, queue: Queue, policy: Policy, settings: WorkerSettings, part: tuple[int, int]
) -> int:
    spent = asyncio.Event()
    api = api_of(options, policy, part)
    till = till_of(api, spent.set)
    client = api.client(policy, till, send_ids=options.send_ids)
    async with client, queue:
        api.try_out(till)  # once the queue is there: nothing is spent for a worker that cannot begin
        worker = Worker(queue, client, settings)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _on_signal, worker)
        watch = asyncio.create_task(_stop_when(spent, worker))
        _tell_ready(options, worker, client, api)
        try:
            await worker.run(until_empty=options.until_empty)
        finally:
            watch.cancel()
    return exits.FAILED if spent.is_set() else exits.OK


def _on_signal(worker: Worker) -> None:
    """The first lets what is under way end, a second does not wait for it."""
    if worker.is_stopping:
        worker.hurry()
    worker.stop()


async def _stop_when(spent: asyncio.Event, worker: Worker) -> None:
    await spent.wait()
    worker.stop()


def _tell_ready(options: argparse.Namespace, worker: Worker, client: ResilientClient, api: Api) -> None:
    document = {
        "pid": os.getpid(),
        "worker": worker.identity,
        "queue": worker.queue.name,
        "server": worker.queue.address.shown,
        "api": client.endpoint.shown,
        "policy": client.policy.name,
        "concurrency": worker.concurrency,
        "idle_timeout_s": worker.idle_timeout_s,
        "grace_s": worker.grace_s,
        "real": api.real,
        "budget": api.budget or None,
    }
    if options.json:
        print(as_json(document), flush=True)
        return
    print(
        "worker {worker} serves queue {queue!r} at {server}: {concurrency} jobs at once, policy {policy},"
        " to {api}".format(**document)
        + (f", for at most {api.budget}" if api.budget else ""),
        flush=True,
    )


def _share(text: str) -> tuple[int, int]:
    """Which worker of how many: 2/3 is (1, 3)."""
    number, slash, of = text.partition("/")
    if slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return int(number) - 1, int(of)
    raise ConfigError(f"--share {text}: expected a number and how many, such as 2/3")

"""`worker`: serve tasks until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys

from harness.client.client import ResilientClient
from harness.client.endpoint import DEFAULT_MODELS, Endpoint
from harness.client.keys import find_key
from harness.client.trial import try_out
from harness.errors import ConfigError
from harness.policy.config import Policy
from harness.policy.presets import PRESETS
from harness.policy.respectful import respectful
from harness.policy.split import split
from harness.policy_file import load_policy
from harness.queue import exits
from harness.queue.commands.options import add_place, queue_of
from harness.queue.commands.telling import as_json
from harness.queue.queue import Queue
from harness.queue.settings import QueueSettings, WorkerSettings
from harness.queue.worker import Worker
from harness.spending.given import add_budget, check_allowed, count, picodollars, prices_from
from harness.spending.purse import Purse
from harness.spending.terms import Terms, terms_of
from harness.transport import httpx_transport
from harness.transport.base import Transport
from harness.transport.budgeted import BudgetedTransport
from harness.transport.till import Till
from harness.wire.address import is_loopback

#: Stands for a key until the address says which one it is.
_UNKNOWN = "sk-unknown"

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
    client = _client(options, policy, part, spent)
    async with client, queue:
        worker = Worker(queue, client, settings)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _on_signal, worker)
        watch = asyncio.create_task(_stop_when(spent, worker))
        _tell_ready(options, worker, client)
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


def _tell_ready(options: argparse.Namespace, worker: Worker, client: ResilientClient) -> None:
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
    }
    if options.json:
        print(as_json(document), flush=True)
        return
    print(
        "worker {worker} serves queue {queue!r} at {server}: {concurrency} jobs at once, policy {policy},"
        " to {api}".format(**document),
        flush=True,
    )


def _client(
    options: argparse.Namespace, policy: Policy, part: tuple[int, int], spent: asyncio.Event
) -> ResilientClient:
    """The client, with this worker's part of the budget; a real API has been tried with one request.

    Raises ConfigError for an API elsewhere that was not allowed and given a budget, or that does not serve.
    """
    endpoint = _endpoint(options)
    model = options.model or DEFAULT_MODELS[endpoint.wire]
    real = not is_loopback(endpoint.url)
    terms = _terms(options, policy, model, real=real)
    where = f"--base-url {endpoint.shown}"
    check_allowed(where, real=real, allowed=options.allow_real_target, limited=_limited(options))
    transport: Transport = httpx_transport.build(policy.connections)
    if terms is not None:
        till = Till(Purse.alone(terms.part(*part).limit), terms.meter, spent.set)
        if real:
            till.purse.spent += try_out(endpoint, model, terms.part(*part))
        transport = BudgetedTransport(transport, till)
    return ResilientClient(
        endpoint.url,
        endpoint.key,
        wire=endpoint.wire,
        model=model,
        policy=respectful(policy) if real else policy,
        transport=transport,
        send_ids=options.send_ids,
    )


def _endpoint(options: argparse.Namespace) -> Endpoint:
    """The API; its key is that of its host. Raises ConfigError."""
    found = Endpoint(options.base_url, _UNKNOWN, options.wire)
    key = find_key(found.url, found.wire)
    if key.value is None:
        raise ConfigError(f"{key.variable} is not set: it has to hold the key for --base-url {found.shown}")
    return Endpoint(found.url, key.value, found.wire)


def _limited(options: argparse.Namespace) -> bool:
    return bool(options.max_usd) or options.max_requests is not None or options.max_tokens is not None


def _terms(options: argparse.Namespace, policy: Policy, model: str, *, real: bool) -> Terms | None:
    second = policy.fallback.model
    return terms_of(
        count("--max-requests", options.max_requests),
        count("--max-tokens", options.max_tokens),
        picodollars("--max-usd", options.max_usd),
        prices=prices_from(options.prices),
        models={"--model": model} | ({} if second is None else {"fallback.model": second}),
        real=real,
    )


def _share(text: str) -> tuple[int, int]:
    """Which worker of how many: 2/3 is (1, 3)."""
    number, slash, of = text.partition("/")
    if slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return int(number) - 1, int(of)
    raise ConfigError(f"--share {text}: expected a number and how many, such as 2/3")

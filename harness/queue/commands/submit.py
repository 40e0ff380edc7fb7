"""`submit`: put tasks into the queue."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from harness.client.client import DEFAULT_MAX_TOKENS
from harness.command_line import complain
from harness.errors import ConfigError, HarnessError
from harness.files import why
from harness.queue import exits
from harness.queue.commands.options import COMMAND, add_place, queue_of
from harness.queue.commands.telling import as_json, say
from harness.queue.queue import Queue
from harness.queue.settings import QueueSettings
from harness.queue.tasks import CopywritingTask, Priority, TaskResult

NAME, HELP = "submit", "submit a prompt, or a file of them; prints their ids"
EXAMPLES = (
    'python -m harness.queue submit "เขียนแคปชันร้านกาแฟ" --priority high --wait 60',
    "python -m harness.queue submit --file prompts.txt --deadline 600",
    "python -m harness.queue submit --file - --json < prompts.txt",
)


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    defaults = QueueSettings()
    add_place(command)
    command.add_argument("prompt", nargs="?", metavar="PROMPT", help="what to write")
    command.add_argument("--file", type=Path, metavar="FILE", help="a prompt a line; - is standard input")
    command.add_argument("--model", metavar="NAME", help="the worker's, unless given")
    command.add_argument(
        "--max-tokens", type=int, default=DEFAULT_MAX_TOKENS, metavar="N", help=f"({DEFAULT_MAX_TOKENS})"
    )
    command.add_argument("--key", help="idempotency key: a task that has it already is not submitted again")
    command.add_argument(
        "--priority", choices=[str(p) for p in Priority], default=str(Priority.NORMAL), help="(normal)"
    )
    command.add_argument(
        "--delay", type=float, default=0.0, metavar="S", help="not before so many seconds (0)"
    )
    command.add_argument(
        "--deadline",
        type=float,
        metavar="S",
        help=f"it fails after so many seconds ({defaults.deadline_s:g})",
    )
    command.add_argument(
        "--max-depth",
        type=int,
        default=defaults.max_depth,
        metavar="N",
        help=f"refuse while so many wait or run ({defaults.max_depth})",
    )
    command.add_argument(
        "--wait",
        type=float,
        metavar="S",
        help="wait so many seconds for the results, and print them; ids go to standard error",
    )


def run(options: argparse.Namespace) -> int:
    """Do it. Raises HarnessError."""
    prompts = _prompts(options)
    if options.key is not None and len(prompts) > 1:
        raise ConfigError("--key: one task has it: not for a file of several prompts")
    settings = replace(COMMAND, max_depth=options.max_depth)
    return asyncio.run(_submit(options, queue_of(options, settings), prompts))


async def _submit(options: argparse.Namespace, queue: Queue, prompts: list[str]) -> int:
    async with queue:
        ids, refused = await _submit_all(options, queue, prompts)
        ended: list[TaskResult | BaseException] = []
        if options.wait is not None:
            waits = (queue.wait(task_id, options.wait) for task_id in ids)
            ended = await asyncio.gather(*waits, return_exceptions=True)
    results = [result for result in ended if isinstance(result, TaskResult)]
    say(results, json=options.json)
    errors = [error for error in (*ended, refused) if isinstance(error, BaseException)]
    for error in errors[:-1]:
        complain("harness.queue", error)
    if errors:
        raise errors[-1]
    return exits.OK if all(result.ok for result in results) else exits.FAILED


async def _submit_all(
    options: argparse.Namespace, queue: Queue, prompts: list[str]
) -> tuple[list[str], HarnessError | None]:
    """Ids of the tasks that were accepted, each printed then; and why the next was not.

    With --wait standard output is for the results.
    """
    ids: list[str] = []
    for prompt in prompts:
        try:
            ids.append(await queue.submit(_task(options, prompt)))
        except HarnessError as error:
            return ids, error
        to = sys.stdout if options.wait is None else sys.stderr
        print(as_json({"task_id": ids[-1]}) if options.json else ids[-1], file=to, flush=True)
    return ids, None


def _task(options: argparse.Namespace, prompt: str) -> CopywritingTask:
    return CopywritingTask(
        prompt=prompt,
        model=options.model,
        max_tokens=options.max_tokens,
        key=options.key,
        priority=Priority(options.priority),
        delay_s=options.delay,
        deadline_s=options.deadline,
    )


def _prompts(options: argparse.Namespace) -> list[str]:
    if (options.prompt is None) == (options.file is None):
        raise ConfigError("expected a prompt or --file FILE, one of them")
    if options.prompt is not None:
        return [options.prompt]
    try:
        text = sys.stdin.read() if str(options.file) == "-" else options.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--file {options.file}: {why(error, options.file)}") from error
    prompts = [line.strip() for line in text.splitlines() if line.strip()]
    if not prompts:
        raise ConfigError(f"--file {options.file}: no prompt in it")
    return prompts

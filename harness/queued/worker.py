"""One worker of a run through the queue: `python -m harness.queued.worker`, started by the run's crew.

It reads a WorkerPlan from standard input, says that it is ready, waits for the run's zero, and serves until
SIGTERM. Standard input stays open for as long as the run's own process lives: at its end the worker ends,
too, and stops the embedded server, for nobody else is left to do it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from harness.client.client import ResilientClient
from harness.clock import origin_of
from harness.errors import HarnessError
from harness.model import CallFinished, Event
from harness.play.tally import Gathered
from harness.queue.worker import Worker
from harness.queued.plan import Start, WorkerPlan
from harness.record.recorder import Recorder
from harness.rng import stream
from harness.spending.purse import OVERDRAWN, Purse
from harness.transport import fast, httpx_transport
from harness.transport.base import Transport
from harness.transport.budgeted import BudgetedTransport
from harness.transport.till import Till

#: Exit codes: all that the budget allows has been spent; records could not be written; it did not begin.
SPENT, UNWRITTEN, NOT_BEGUN = 3, 4, 5

#: A worker that is killed loses what it had not written: the same as a load process.
FLUSH_S = 0.5

#: A plan is a line; its policy and settings are some kilobytes.
MOST_LINE = 1 << 20

READY = "ready"


class Recording:
    """The client's events, on disk twice a second, but for ended calls: their submitter records those."""

    def __init__(self, plan: WorkerPlan, start: Start) -> None:
        self._gathered = Gathered()
        self._recorder = Recorder(Path(plan.folder), plan.number, origin_of(start.started_unix_ns))
        self.listen = self._gathered.listen

    async def run(self) -> None:
        """Write for as long as the task lives. Raises OSError, ValueError."""
        while True:
            await asyncio.sleep(FLUSH_S)
            self._take()
            self._recorder.flush()

    def close(self) -> None:
        """Write the rest. Raises OSError, ValueError."""
        self._take()
        self._recorder.close()

    def _take(self) -> None:
        events: list[Event] = [e for e in self._gathered.take() if type(e) is not CallFinished]
        self._recorder.extend(events)


async def serve() -> int:
    """The worker's life; its exit code. What it has spent of a budget is its last word."""
    stdin = await _standard_input()
    plan = msgspec.json.decode(await stdin.readline(), type=WorkerPlan)
    spent = asyncio.Event()
    till = None if plan.terms is None else Till(Purse.alone(plan.terms.limit), plan.terms.meter, spent.set)
    try:
        return await _serve(plan, till, spent, stdin)
    finally:
        if till is not None:
            with suppress(OSError):  # nobody is left to be told
                _say(msgspec.json.encode(till.purse.spent + till.purse.held).decode())
            if till.purse.overdrawn:
                _complain(OVERDRAWN)


async def _serve(
    plan: WorkerPlan, till: Till | None, spent: asyncio.Event, stdin: asyncio.StreamReader
) -> int:
    async with _client(plan, till) as client, plan.place.for_workers() as queue:
        worker = Worker(queue, client, plan.settings, rng=stream(plan.seed, "worker", plan.index))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
        line = await _word_to_begin(stdin)
        if not line:
            _stop_server(worker)
            return NOT_BEGUN
        recording = Recording(plan, msgspec.json.decode(line, type=Start))
        client.listen(recording.listen)
        return await _until_told(worker, recording, spent, stdin)


async def _word_to_begin(stdin: asyncio.StreamReader) -> bytes:
    """Say that all is ready, and wait for the run's zero; nothing when its process is gone."""
    try:
        _say(READY)
    except BrokenPipeError:
        return b""
    return await stdin.readline()


async def _until_told(
    worker: Worker, recording: Recording, spent: asyncio.Event, stdin: asyncio.StreamReader
) -> int:
    writing = asyncio.create_task(recording.run())
    orphaned = asyncio.create_task(stdin.read())
    ends = [writing, orphaned, asyncio.create_task(spent.wait())]
    watch = asyncio.create_task(_stop_at_first(ends, worker))
    try:
        await worker.run()
    finally:
        for task in (watch, *ends):
            if not task.done():
                task.cancel()
        unwritten = _written(writing, recording)
        if orphaned.done() and not orphaned.cancelled():
            _stop_server(worker)
    return unwritten or (SPENT if spent.is_set() else 0)


async def _stop_at_first(ends: Sequence[asyncio.Task[Any]], worker: Worker) -> None:
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    worker.stop()


def _written(writing: asyncio.Task[None], recording: Recording) -> int:
    failed = writing.exception() if writing.done() and not writing.cancelled() else None
    try:
        recording.close()
    except (OSError, ValueError, OverflowError) as error:
        failed = error
    if failed is None:
        return 0
    _complain(f"records could not be written: {failed}")
    return UNWRITTEN


def _stop_server(worker: Worker) -> None:
    if worker.queue.server is not None:
        with suppress(HarnessError):
            worker.queue.server.stop()


def _client(plan: WorkerPlan, till: Till | None) -> ResilientClient:
    build = fast.build if plan.transport == "fast" else httpx_transport.build
    transport: Transport = build(plan.policy.connections)
    if till is not None:
        transport = BudgetedTransport(transport, till)
    return ResilientClient(
        plan.base_url,
        plan.api_key,
        wire=plan.wire,
        model=plan.model,
        policy=plan.policy,
        transport=transport,
        send_ids=plan.send_ids,
        rng=stream(plan.seed, "jitter", plan.index),
    )


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=MOST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def _complain(words: str) -> None:
    sys.stderr.write(f"{' '.join(words.split())}\n")


def main() -> int:
    """Run the worker; its exit code."""
    logging.basicConfig(level=logging.WARNING, format="queue worker: %(message)s", stream=sys.stderr)
    try:
        return asyncio.run(serve())
    except HarnessError as error:
        _complain(str(error))
        return NOT_BEGUN


if __name__ == "__main__":
    sys.exit(main())

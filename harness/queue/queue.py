"""The queue as an application sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from coredis import Redis

from harness import clock
from harness.queue import keys
from harness.queue.address import Address, address_of
from harness.queue.changes import Listening
from harness.queue.connection import connect, patiently
from harness.queue.documents import VERSION, encode, failure, newer
from harness.queue.embedded import EmbeddedServer
from harness.queue.engine import GROUP, engine_data
from harness.queue.errors import NotFinished, ServerFull, ServerRefused, ServerUnreachable, UnknownTask
from harness.queue.records import metrics_of, record_of, result_of
from harness.queue.scripts import Scripts, scripts_of
from harness.queue.settings import QueueSettings
from harness.queue.steps import Argument, ScriptName
from harness.queue.submitting import submit
from harness.queue.tasks import CopywritingTask, Metrics, TaskChange, TaskRecord, TaskResult, TaskStatus
from harness.units import NS

#: Where the embedded server keeps its data, unless told otherwise.
DEFAULT_DIRECTORY = Path("runs/queue")
DEFAULT_NAME = "copy"

#: The first with functions, which streaQ is made of.
OLDEST_SERVER = 7

#: Dead letters handled by one script: it must not hold up the server.
BATCH = 500

_MS = 1000


class Queue:
    """Takes tasks, tells how they stand, and what came of them. An async context manager, for one event loop.

    Without a `url` the server is the embedded one of `directory`, which is started where it does not run and
    goes on afterwards; with one it is any Redis or Valkey from version 7 on (see `address`). Several queues
    on a server are told apart by `name`. Every method raises a QueueError when the server cannot be reached
    or will not do it; one that does not answer is asked again for `settings.patience_s`.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        name: str = DEFAULT_NAME,
        directory: Path | str = DEFAULT_DIRECTORY,
        settings: QueueSettings = QueueSettings(),  # noqa: B008 - frozen
    ) -> None:
        self.name = keys.checked_name(name)
        self.settings = settings
        self.server = EmbeddedServer(Path(directory)) if url is None else None
        self.address: Address = address_of(self.server.url if self.server else url or "")
        self._stack = AsyncExitStack()
        self._redis: Redis[str] | None = None
        self._scripts: Scripts | None = None
        self._listening: Listening | None = None

    def __repr__(self) -> str:
        return f"Queue({self.address.shown!r}, name={self.name!r})"

    async def __aenter__(self) -> Self:
        await self.revive()
        try:
            self._redis = await self._stack.enter_async_context(connect(self.address))
            self._scripts = scripts_of(self._redis, self.name)
            self._listening = Listening(self._redis, keys.changes(self.name))
            self._check(*await self.run("open", VERSION, GROUP))
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def submit(self, task: CopywritingTask | str) -> str:
        """Accept a task, or a prompt alone; its id, once it is safe with the server.

        A task with the key of an earlier one is that one. Raises QueueFull, QueueClosed, ServerFull,
        RequestError for a task that cannot be served.
        """
        data = engine_data(clock.wall_ns() // (NS // _MS))
        shown = f"the queue's server at {self.address.shown}"
        return await submit(self.run, self.name, self.settings, task, uuid4().hex, data, shown)

    async def status(self, task_id: str) -> TaskStatus:
        """Where a task stands. Raises UnknownTask."""
        state = await self.ask(lambda redis: redis.hget(self._key(task_id), "state"))
        if state is None:
            raise self._unknown(task_id)
        return TaskStatus(state)

    async def record(self, task_id: str) -> TaskRecord:
        """Everything that is known of a task. Raises UnknownTask, NewerVersion."""
        return record_of(task_id, await self._fields(task_id))

    async def result(self, task_id: str) -> TaskResult | None:
        """How a task ended; None while it has not. Raises UnknownTask, NewerVersion."""
        return result_of(task_id, await self._fields(task_id))

    async def wait(self, task_id: str, timeout_s: float | None = None) -> TaskResult:
        """The result of a task, once it has ended. Raises NotFinished after `timeout_s`, UnknownTask."""
        try:
            async with asyncio.timeout(timeout_s):
                async with aclosing(self.subscribe(task_id)) as changes:
                    async for change in changes:
                        if change.status.is_final:
                            break
        except TimeoutError as error:
            raise NotFinished(f"task {task_id} has not ended after {timeout_s:g} s; it goes on") from error
        result = await self.result(task_id)
        if result is None:  # a dead letter, driven again in this instant
            return await self.wait(task_id, timeout_s)
        return result

    async def subscribe(self, task_id: str) -> AsyncGenerator[TaskChange, None]:
        """Where a task stands now, and every change until it has ended. Raises UnknownTask.

        One that comes and goes faster than messages travel may be left out; the last never is.
        """
        listening = self._opened(self._listening)
        await listening.start()
        with listening.ear(task_id) as ear:
            change = await self._look(task_id)
            while True:
                yield change
                if change.status.is_final:
                    return
                change = await self._next(ear, change)

    async def changes(self) -> AsyncGenerator[TaskChange, None]:
        """Changes of all tasks as they come, from now on; those that messages lost are not told."""
        listening = self._opened(self._listening)
        await listening.start()
        with listening.ear(None) as ear:
            while True:
                yield await ear.get()

    async def cancel(self, task_id: str) -> bool:
        """End a task as failed, with the error `Cancelled`; whether it had not ended before.

        One that waits ends at once, one that runs when its worker hears of it, within about a second; what
        was sent to the API is paid for. Raises UnknownTask.
        """
        document = encode(failure("Cancelled", "cancelled by its submitter"))
        done = await self.run("cancel", task_id, document, *self.remembering)
        if done == "unknown":
            raise self._unknown(task_id)
        return bool(done != "ended")

    async def dead(self, limit: int = 100) -> list[TaskRecord]:
        """Dead letters, the oldest first. Raises NewerVersion."""
        letters = []
        for task_id in await self._dead_ids(limit):
            with suppress(UnknownTask):  # forgotten meanwhile
                letters.append(await self.record(task_id))
        return letters

    async def redrive(self, task_ids: Sequence[str] | None = None) -> int:
        """Take these dead letters, or all, up again as if they were new; how many were.

        They keep their ids. As many as there is room for are taken; of the others nothing is lost.
        """
        data = engine_data(clock.wall_ns() // (NS // _MS))
        return await self._in_batches(task_ids, partial(self.run, "redrive", self.settings.max_depth, data))

    async def purge(self, task_ids: Sequence[str] | None = None) -> int:
        """Forget these dead letters, or all; how many were."""
        return await self._in_batches(task_ids, partial(self.run, "purge"))

    async def metrics(self) -> Metrics:
        """Depth, age, rate and counts at this instant."""
        return metrics_of(await self.run("metrics"))

    async def close_to_new(self) -> None:
        """Take no tasks from now on, from anybody; those that were accepted are served."""
        await self.ask(lambda redis: redis.hset(f"{keys.ours(self.name)}meta", {"closed": 1}))

    async def open_again(self) -> None:
        """Take tasks again."""
        await self.ask(lambda redis: redis.hdel(f"{keys.ours(self.name)}meta", ["closed"]))

    @property
    def remembering(self) -> tuple[int, int]:
        """How long, in milliseconds, what has ended is kept, and how many dead letters."""
        return round(self.settings.keep_s * _MS), self.settings.keep_dead

    async def run(self, script: ScriptName, /, *arguments: Argument) -> Any:
        """One of our scripts. Each may be run twice: a reply that was lost does no harm."""
        scripts = self._opened(self._scripts)
        return await self._patiently(lambda: scripts.run(script, *arguments))

    async def ask(self, command: Callable[[Redis[str]], Awaitable[Any]]) -> Any:
        """One command of the server, one that may be given twice."""
        redis = self._opened(self._redis)
        return await self._patiently(lambda: command(redis))

    async def revive(self) -> None:
        """See that the embedded server runs, if it is ours."""
        if self.server is not None:
            await asyncio.to_thread(self.server.start)

    async def _patiently(self, operation: Callable[[], Awaitable[Any]]) -> Any:
        revive = None if self.server is None else self.revive
        try:
            return await patiently(operation, self.address, self.settings.patience_s, revive)
        except ServerUnreachable as error:
            if self.server is not None and (words := self.server.complaint()):
                where = f"the queue's server in {self.server.directory}"
                raise ServerFull(f"{where} cannot write: {words}; what it accepted is safe") from error
            raise

    async def _close(self) -> None:
        if self._listening is not None:
            await self._listening.stop()
        self._redis = self._scripts = self._listening = None
        await self._stack.aclose()

    def _check(self, layout: str, version: str) -> None:
        """Whether we understand what is there. Raises NewerVersion, ServerRefused."""
        if int(layout) > VERSION:
            raise newer(f"queue {self.name!r} at {self.address.shown}", layout)
        if int(version.partition(".")[0] or 0) < OLDEST_SERVER:
            where = f"the queue's server at {self.address.shown}"
            raise ServerRefused(
                f"{where} is of version {version}: expected Redis or Valkey {OLDEST_SERVER} or later"
            )

    async def _fields(self, task_id: str) -> dict[str, str]:
        fields: dict[str, str] = await self.ask(lambda redis: redis.hgetall(self._key(task_id)))
        if "state" not in fields:
            raise self._unknown(task_id)
        if int(fields["v"]) > VERSION:
            raise newer(f"task {task_id}", fields["v"])
        return fields

    async def _look(self, task_id: str) -> TaskChange:
        names = ["state", "tries", "v"]
        state, tries, version = await self.ask(lambda redis: redis.hmget(self._key(task_id), names))
        if state is None:
            raise self._unknown(task_id)
        if int(version) > VERSION:
            raise newer(f"task {task_id}", version)
        return TaskChange(
            task_id=task_id, status=TaskStatus(state), at=clock.wall_ns() / NS, tries=int(tries)
        )

    async def _next(self, ear: asyncio.Queue[TaskChange], last: TaskChange) -> TaskChange:
        """The next change: heard of, or seen by one who looked because nothing was heard."""
        while True:
            try:
                return await asyncio.wait_for(ear.get(), self.settings.poll_s)
            except TimeoutError:
                seen = await self._look(last.task_id)
                if (seen.status, seen.tries) != (last.status, last.tries):
                    return seen

    async def _dead_ids(self, limit: int) -> list[str]:
        key = f"{keys.ours(self.name)}dead"
        return list(await self.ask(lambda redis: redis.zrange(key, 0, limit - 1)))

    async def _in_batches(self, task_ids: Sequence[str] | None, script: Callable[..., Awaitable[Any]]) -> int:
        """Run a script on the dead letters named, or on all there are now."""
        ids = list(await self._dead_ids(self.settings.keep_dead)) if task_ids is None else list(task_ids)
        batches = [ids[i : i + BATCH] for i in range(0, len(ids), BATCH)]
        return sum([int(await script(*batch)) for batch in batches])

    def _key(self, task_id: str) -> str:
        return f"{keys.ours(self.name)}task:{task_id}"

    def _unknown(self, task_id: str) -> UnknownTask:
        return UnknownTask(f"queue {self.name!r} knows no task {task_id!r:.100}: it never did, or no longer")

    def _opened(self, part: Any) -> Any:
        if part is None:
            raise RuntimeError("this queue is not open: use it as `async with Queue(...) as queue`")
        return part

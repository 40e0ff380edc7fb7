"""The engine, streaQ: it holds the line of tasks, hands each to a worker, and again when that one is silent.

Everything that must happen once (taking a task up, ending it) is decided by our scripts: the engine may hand
a task out twice. What it stores is JSON.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import streaq
from anyio import CancelScope
from anyio.streams.memory import MemoryObjectReceiveStream
from coredis.retry import NoRetryPolicy
from streaq.constants import REDIS_GROUP
from streaq.types import Entries, StreamMessage, StreaqCancelled, StreaqError, StreaqRetry

from harness.queue import keys
from harness.queue.address import Address
from harness.queue.later import Later
from harness.queue.settings import PREFETCH

log = logging.getLogger("harness.queue")

#: Name of streaQ's consumer group.
GROUP = REDIS_GROUP

#: What streaQ remembers of an ended task, for its web UI: seconds.
SHOWN_S = 300

#: A task whose job failed on our side, as when the server was away, is handed out again after so long.
AGAIN_S = 5.0

Job = Callable[[str], Awaitable[str]]


class Engine(streaq.Worker[None]):
    """One run of streaQ's worker, until `stop` or until the server is lost.

    `job` is awaited with a task's id; what it returns is shown by the web UI. It raises Later, or anything
    else, for a task that is to be handed out again. `aborted` is told of tasks under way that somebody wants
    ended. `unrun` is told of messages whose task streaQ would end without running it: because somebody wants
    it ended (True), or because its own data are gone; it sees to both, and says whether the task is ours.
    """

    def __init__(
        self,
        address: Address,
        name: str,
        *,
        identity: str,
        concurrency: int = 1,
        idle_timeout_s: float = 60.0,
        job: Job | None = None,
        aborted: Callable[[str], None] | None = None,
        unrun: Callable[[StreamMessage, bool], Awaitable[bool]] | None = None,
        stopped: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        super().__init__(
            redis_url=address.url,
            redis_kwargs={"retry_policy": NoRetryPolicy(), **address.options},
            queue_name=name,
            priorities=list(keys.PRIORITIES),  # streaQ turns the list round in place
            concurrency=concurrency,
            prefetch=PREFETCH,
            serializer=serialized,
            deserializer=deserialized,
            idle_timeout=idle_timeout_s,
            id=identity,
        )
        self._job = job
        self._aborted = aborted
        self._unrun = unrun
        self._stopped = stopped
        self._write_copy = self.task(
            name=keys.JOB, max_tries=None, timeout=None, silent=True, ttl=timedelta(seconds=SHOWN_S)
        )(self._run)

    async def _run(self) -> str:
        """What streaQ runs for a task."""
        if self._job is None:
            raise StreaqError("this worker only shows what others do")
        try:
            return await self._job(self._write_copy.context.task_id)
        except Later as later:
            at = datetime.now(UTC) + timedelta(seconds=later.delay_s)
            raise StreaqRetry(str(later), schedule=at) from later
        except Exception as error:
            # streaQ would end the task for good.
            log.exception("a job went wrong on our side: its task is handed out again")
            at = datetime.now(UTC) + timedelta(seconds=AGAIN_S)
            raise StreaqRetry(str(error), schedule=at) from error

    async def run_consumers(
        self, receive: MemoryObjectReceiveStream[StreamMessage], *args: Any, **kwargs: Any
    ) -> None:
        """As streaQ's own, which closes the ends it gives to its consumers and leaves this one open."""
        with receive:
            await super().run_consumers(receive, *args, **kwargs)

    async def _read_streams_legacy(self, count: int, block: bool = False) -> Entries:  # noqa: FBT001, FBT002 - streaQ's
        """As streaQ's own. Servers count by stream: more in all than there is room for would end it."""
        each = max(1, count // len(self.priorities)) if block else count
        return await super()._read_streams_legacy(each, block)

    async def signal_handler(self, scope: CancelScope) -> None:
        """Instead of streaQ's own: take no more tasks when told so. What runs is not cut here."""
        if self._stopped is not None:
            await self._stopped()
            scope.cancel("the worker is to stop")

    def abort_tasks(self, tasks: set[str]) -> None:
        """Tasks somebody wants ended, by our `cancel` or by the web UI."""
        for task_id in tasks:
            if self._aborted is not None:
                self._aborted(task_id)

    async def finish_failed_task(
        self, msg: StreamMessage, exc: BaseException, *args: Any, **kwargs: Any
    ) -> None:
        """What streaQ ends without running it: our books decide whether it has ended."""
        with CancelScope(shield=True):
            if self._unrun is not None and await self._unrun(msg, isinstance(exc, StreaqCancelled)):
                return
            await super().finish_failed_task(msg, exc, *args, **kwargs)


def engine_data(now_ms: int) -> str:
    """What streaQ keeps of a task of ours: nothing but the function to run."""
    return serialized({"f": keys.JOB, "a": (), "k": {}, "t": now_ms})


def serialized(data: Any) -> str:
    """The engine's own data as JSON. An exception becomes its words."""
    return msgspec.json.encode(data, enc_hook=_error_words).decode()


def deserialized(data: Any) -> Any:
    """The inverse of `serialized`."""
    document = msgspec.json.decode(data)
    if isinstance(document, dict) and document.get("s") is False:  # a failed task's, for the web UI
        document["r"] = StreaqError(str(document.get("r")))
    return document


def _error_words(value: Any) -> str:
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    raise NotImplementedError(f"{type(value).__name__} is not for the wire")

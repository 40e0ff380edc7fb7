"""The jobs of one worker: each takes a task up, makes its call, and ends it or puts it back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import count
from random import Random

from harness import clock
from harness.client.client import ResilientClient
from harness.errors import CallError
from harness.model import Reply, StoppedBy
from harness.queue.calling import Caller, Expired
from harness.queue.documents import VERSION, EndDocument, TaskDocument, decode, encode, failure, newer
from harness.queue.errors import NewerVersion, QueueError, UnreadableValue
from harness.queue.held import Cut, Held
from harness.queue.later import Later
from harness.queue.settings import WorkerSettings
from harness.queue.steps import Argument, Books, Step
from harness.queue.tasks import TaskStatus
from harness.queue.verdict import Again, Failed, is_spent, judge
from harness.units import NS

log = logging.getLogger("harness.queue")

_MS = 1000

#: A task of a newer version is left to newer workers, and looked at again after so long.
NEWER_S = 15.0

#: An open breaker is not waited for longer than this without another look.
MOST_REST_S = 30.0

#: A half-open breaker, whose probes are under way, is asked again after so long.
LEAST_REST_S = 0.25

#: Tasks of newer versions that are remembered as told of.
MOST_TOLD = 1000

#: What cannot be committed is tried again so often.
_AGAIN_S = 1.0

_EXPIRED = failure("DeadlineExceeded", "its deadline passed while it waited in the queue; nothing was sent")
EXPIRED = encode(_EXPIRED)
CANCELLED = encode(failure("Cancelled", str(Cut.CANCELLED)))


class Jobs:
    """All that a worker has under way. `worker` is a name that no other one has, or ever had."""

    def __init__(
        self,
        books: Books,
        client: ResilientClient,
        settings: WorkerSettings,
        worker: str,
        stopping: asyncio.Event,
        lease_s: float,
        rng: Random,
        now_ns: Callable[[], int] = clock.now_ns,
    ) -> None:
        self._books = books
        self._caller = Caller(client)
        self._settings = settings
        self._worker = worker
        self._stopping = stopping
        self._lease_ms = round(lease_s * _MS)
        self._rng = rng
        self._now_ns = now_ns
        self._tokens = count(1)
        self._held: dict[str, Held] = {}
        self._rest_until_ns = 0
        self._told: set[str] = set()
        words = f"its worker was lost in each of {settings.tries} tries: the task may be why"
        self._lost = encode(failure("WorkerLost", words))

    async def run(self, task_id: str) -> str:
        """One task handed out by the engine; how it stands afterwards.

        Raises Later when it is to be handed out again, and must do so while the task has not ended.
        """
        await self._rest()
        claimed = await self._claim(task_id)
        if claimed is None:
            return "ended before"
        held, document = claimed
        self._held[task_id] = held
        try:
            return await self._serve(held, document)
        finally:
            # When it was lost and has come back here, another try of it may be under way.
            if self._held.get(task_id) is held:
                del self._held[task_id]

    def abort(self, task_id: str) -> None:
        """End a task under way: somebody has cancelled it."""
        if held := self._held.get(task_id):
            held.end(Cut.CANCELLED)

    def hand_back(self) -> None:
        """End all that is under way, and put it back."""
        for held in self._held.values():
            held.end(Cut.STOPPED)

    async def beat(self) -> None:
        """Tell the server what is under way here. Ends what is another worker's by now. Raises QueueError."""
        beating = list(self._held.values())
        pairs: list[Argument] = [part for held in beating for part in (held.task_id, held.fence)]
        lost = set(await self._books.run("beat", self._worker, self._lease_ms, *pairs))
        for held in beating:
            if held.task_id in lost and self._held.get(held.task_id) is held:
                held.end(Cut.LOST)

    async def _rest(self) -> None:
        """While the breaker refuses everything, tasks are left in the queue. Raises Later to stop."""
        rest_s = min(MOST_REST_S, (self._rest_until_ns - self._now_ns()) / NS)
        if rest_s > 0:
            try:
                await asyncio.wait_for(self._stopping.wait(), rest_s)
            except TimeoutError:
                return
            raise Later(0)

    async def _claim(self, task_id: str) -> tuple[Held, str] | None:
        """Take a task up: what is held, and its document. None when it has ended. Raises Later."""
        token = f"{self._worker}-{next(self._tokens)}"
        asked_ns = self._now_ns()
        reply = await self._books.run(
            "claim",
            task_id,
            self._worker,
            token,
            self._lease_ms,
            VERSION,
            self._settings.tries,
            *self._books.remembering,
            EXPIRED,
            self._lost,
            CANCELLED,
        )
        match reply:
            case ["taken", fence, tries, left_ms, body, key, returns, _]:
                ends_ns = asked_ns + left_ms * (NS // _MS) if left_ms else None
                return Held(task_id, fence, token, tries, returns, key, ends_ns, self._now_ns), body
            case ["held" | "early", left_ms]:
                raise Later(left_ms / _MS + self._rng.random())
            case ["newer", version]:
                self._tell_once(task_id, newer(f"task {task_id}", version))
                raise Later(self._newer_s())
        return None

    async def _serve(self, held: Held, document: str) -> str:
        """The call of a task, and what follows from it."""
        try:
            task = decode(document, TaskDocument, f"task {held.task_id}").task
        except NewerVersion as error:
            self._tell_once(held.task_id, error)
            return await self._put_back(held, Again(self._newer_s(), free=True), str(error))
        except UnreadableValue as error:
            return await self._fail(held, error, Failed(dead=True))
        held.work = asyncio.create_task(self._caller.call(held, task))
        await asyncio.wait({held.work})
        if held.work.cancelled():
            return await self._cut(held)
        failed = held.work.exception()
        if failed is None:
            return await self._commit(held, TaskStatus.COMPLETED, _completed(held.work.result(), held))
        if isinstance(failed, Expired):
            return await self._commit(held, TaskStatus.FAILED, _EXPIRED)
        if not isinstance(failed, Exception):
            raise failed
        return await self._judge(held, failed)

    async def _cut(self, held: Held) -> str:
        """Its call was ended from this side, or by something within it."""
        match held.cut:
            case Cut.CANCELLED:
                return await self._commit(
                    held, TaskStatus.FAILED, failure("Cancelled", str(held.cut), call=held.last_call)
                )
            case Cut.LOST:
                raise Later(self._lease_ms / _MS)
            case Cut.STOPPED:
                return await self._put_back(held, Again(0.0, free=True), str(Cut.STOPPED))
        return await self._judge(held, RuntimeError("its call was cancelled, and not by its worker"))

    async def _judge(self, held: Held, error: Exception) -> str:
        """Its call failed: again, or for good."""
        if isinstance(error, CallError) and error.stopped_by == StoppedBy.BREAKER:
            rest_s = max(error.retry_after_s or 0.0, LEAST_REST_S)
            self._rest_until_ns = self._now_ns() + round(rest_s * NS)
        if is_spent(error):
            self._stopping.set()
        verdict = judge(
            error,
            self._settings,
            tries=held.tries,
            returns=held.returns,
            left_s=held.left_s,
            uniform=self._rng.random(),
        )
        match verdict:
            case Again():
                return await self._put_back(held, verdict, f"{type(error).__name__}: {error}")
            case Failed():
                return await self._fail(held, error, verdict)

    async def _fail(self, held: Held, error: Exception, verdict: Failed) -> str:
        words = f"{error}; {verdict.why}" if verdict.why else str(error)
        document = failure(type(error).__name__, words, call_ms=held.call_ms, call=held.last_call)
        return await self._commit(held, TaskStatus.FAILED, document, dead=verdict.dead)

    async def _commit(
        self, held: Held, status: TaskStatus, document: EndDocument, *, dead: bool = False
    ) -> str:
        """The end of a task, once: refused when another try holds it by now. Raises Later when it is."""
        keep = self._books.remembering
        done = await self._surely(
            "commit",
            held.task_id,
            held.fence,
            held.token,
            status,
            encode(document),
            int(dead),
            *keep,
            held.attempts,
        )
        if done == "refused":
            log.warning(
                "task %s was taken over by another worker: what came of it here is dropped", held.task_id
            )
            raise Later(self._lease_ms / _MS)
        return str(status)

    async def _put_back(self, held: Held, again: Again, words: str) -> str:
        """Back into the queue, unless it was cancelled. Raises Later, so that the engine does the same."""
        reply = await self._surely(
            "put_back",
            held.task_id,
            held.fence,
            held.token,
            round(again.delay_s * _MS),
            int(again.free),
            words,
            held.attempts,
            *self._books.remembering,
            CANCELLED,
        )
        if reply == ["ended"]:
            return "ended before"
        raise Later(again.delay_s)

    async def _surely(self, step: Step, *arguments: Argument) -> object:
        """A step that must not be given up: what it commits has been paid for.

        Whatever the server says, or one that does not start, it is tried again, until the worker is to stop;
        then once more. Raises QueueError.
        """
        told = False
        while True:
            last = self._stopping.is_set()
            try:
                return await self._books.run(step, *arguments)
            except QueueError as error:
                if last or isinstance(error, NewerVersion):
                    raise
                if not told:
                    log.warning("cannot commit, trying again: %s", error)
                told = True
            await asyncio.sleep(_AGAIN_S)

    def _newer_s(self) -> float:
        return NEWER_S * (1 + self._rng.random())

    def _tell_once(self, task_id: str, error: QueueError) -> None:
        if task_id not in self._told:
            if len(self._told) >= MOST_TOLD:
                self._told.clear()
            self._told.add(task_id)
            log.error("%s", error)


def _completed(reply: Reply, held: Held) -> EndDocument:
    return EndDocument(
        VERSION,
        text=reply.text,
        model=reply.model,
        finish_reason=reply.finish_reason,
        usage=reply.usage,
        request_id=reply.request_id,
        call_ms=held.call_ms,
        call=held.last_call,
    )

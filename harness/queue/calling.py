"""The call of a task, through the one client of its worker."""

from __future__ import annotations

import asyncio
from hashlib import blake2b

import msgspec

from harness.client.calls import next_tag
from harness.client.client import ResilientClient
from harness.model import CallFinished, Event, Reply, Tag
from harness.queue.held import Held
from harness.queue.settings import OVERHEAD_S, UNBOUNDED_CALL_S
from harness.queue.tasks import CopywritingTask, Priority

#: How the client orders calls that wait.
_LEVEL = {Priority.HIGH: 1, Priority.NORMAL: 0, Priority.LOW: -1}

#: More than a try's attempts. The next is numbered from there on, so that no two of a task have one number.
TRY_STRIDE = 1000

#: The mock server takes ids below 2^62.
_ID_BYTES = 7


class Expired(Exception):  # noqa: N818 - what the task is, not what went wrong
    """A task's deadline has passed before anything of it was sent."""


class Caller:
    """Makes the calls of all jobs, and notes of each how it went."""

    def __init__(self, client: ResilientClient) -> None:
        self._client = client
        self._under_way: dict[int, Held] = {}
        client.listen(self._heard)

    async def call(self, held: Held, task: CopywritingTask) -> Reply:
        """The reply to a task.

        Raises what the client raises, TimeoutError when even its deadline fails, Expired when it has passed.
        """
        tag = tag_of(held, task)
        next_tag.set(lambda: tag)  # in the context of this asyncio task only
        self._under_way[id(tag)] = held
        try:
            async with asyncio.timeout(self._most_s(held)):
                return await self._ask(held, task)
        finally:
            del self._under_way[id(tag)]

    async def _ask(self, held: Held, task: CopywritingTask) -> Reply:
        priority, key, left_s = _LEVEL[task.priority], held.key, held.left_s
        if left_s is not None and left_s <= 0:
            raise Expired
        if task.messages is None:
            return await self._client.generate_copy(
                task.prompt or "",
                task.model,
                task.max_tokens,
                system=task.system,
                temperature=task.temperature,
                priority=priority,
                deadline_s=left_s,
                idempotency_key=key,
            )
        return await self._client.chat(
            task.messages,
            task.model,
            task.max_tokens,
            temperature=task.temperature,
            priority=priority,
            deadline_s=left_s,
            idempotency_key=key,
            extra=task.extra,
        )

    def _most_s(self, held: Held) -> float:
        """A bound above the call's own: a transport brought by the user may not obey it."""
        bounds = (self._client.policy.deadline_s or UNBOUNDED_CALL_S, held.left_s)
        return min(bound for bound in bounds if bound is not None) + OVERHEAD_S

    def _heard(self, event: Event) -> None:
        if isinstance(event, CallFinished) and (held := self._under_way.get(id(event.call.tag))):
            held.call = event.call


def tag_of(held: Held, task: CopywritingTask) -> Tag:
    """What a load generator knows of the task, with an id; attempts are numbered on from earlier tries."""
    call_id = task.tag.call_id
    if call_id is None:
        call_id = int.from_bytes(blake2b(held.task_id.encode(), digest_size=_ID_BYTES).digest(), "big")
    before = (held.fence - 1) * TRY_STRIDE
    return msgspec.structs.replace(task.tag, call_id=call_id, attempts_before=before)

"""Calls from begin to end: numbered, taken through their routes, told to the listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextvars import ContextVar
from itertools import count
from typing import Any, Protocol

import msgspec

from harness.client.ask import PLAIN, Ask, check
from harness.client.ends import detail
from harness.errors import HarnessError, expected
from harness.model import NO_TAG, Call, CallFinished, Event, Fault, Outcome, StoppedBy, Tag
from harness.pipeline.attempting import Send
from harness.pipeline.call_state import CallState
from harness.pipeline.pipeline import Pipeline

#: Asked for a tag at every call made in this context; how a load generator names its calls.
next_tag: ContextVar[Callable[[], Tag] | None] = ContextVar("next_tag", default=None)

#: Why a first choice that did not serve a call may be followed by the second.
_SECOND_CHANCE = (StoppedBy.ATTEMPTS, StoppedBy.BUDGET, StoppedBy.BREAKER, StoppedBy.ADMISSION)


class Way(msgspec.Struct, frozen=True):
    """One route of a call: its policies, and how to send an attempt on it."""

    pipeline: Pipeline
    send: Send
    tokens: Callable[[], int] | None = None


class Listeners:
    """Tells every listener of every event. One that raises is reported to the event loop and goes on."""

    def __init__(self, listeners: Iterable[Callable[[Event], None]]) -> None:
        if not isinstance(listeners, Iterable):
            raise expected("listeners", listeners, "a list of functions that take an event")
        self._listeners = tuple(listeners)
        for listener in self._listeners:
            if not callable(listener):
                raise expected("listeners", listener, "functions that take an event")

    def add(self, listener: Callable[[Event], None]) -> None:
        """Tell this one, too, from now on."""
        self._listeners = (*self._listeners, listener)

    def __call__(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - a listener's fault is not the call's
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"a listener raised on {type(event).__name__}", "exception": error}
                )


class Leavable(Protocol):
    """A call that has become a stream."""

    async def leave(self) -> None:
        """End it before its end."""


class Calls:
    """Where calls begin and end. `deadline_s` bounds each."""

    def __init__(
        self, deadline_s: float | None, now_ns: Callable[[], int], emit: Callable[[Event], None]
    ) -> None:
        self._deadline_s = deadline_s
        self._now_ns = now_ns
        self._emit = emit
        self._ids = count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._background: set[asyncio.Task[None]] = set()
        self.streams: set[Leavable] = set()  # those under way

    def begin(
        self, model: str, ask: Ask = PLAIN, *, streaming: bool = False, most_s: float | None = None
    ) -> CallState:
        """A new call; its deadline starts here.

        Raises RequestError for what cannot be asked for, HarnessError where this client makes no calls.
        """
        loop = self._checked_loop()
        check(ask)
        tags = next_tag.get()
        tag = tags() if tags else NO_TAG
        bounds = [bound for bound in (self._deadline_s, ask.deadline_s) if bound is not None]
        deadline_at_s = loop.time() + min(bounds) if bounds else None
        return CallState(
            next(self._ids) if tag.call_id is None else tag.call_id,
            deadline_at_s,
            ask.priority,
            streaming,
            most_s,
            model,
            tag,
            self._now_ns(),
            idempotency_key=ask.idempotency_key,
        )

    async def run(self, call: CallState, ways: Sequence[Way]) -> Pipeline:
        """Take a call through its routes until one serves it; the pipeline that was last.

        The call is then finished, unless it has become a stream (`call.lease` is set). Raises CancelledError
        only, after the call was finished as cancelled.
        """
        way = ways[0]
        try:
            for way in ways:
                await way.pipeline.run(call, way.send, way.tokens)
                if not _try_next(call):
                    break
        except BaseException:  # cancelled, as a rule; whatever it is, the call's end is told
            self.finish(call, cancelled=True)
            raise
        if call.lease is None:
            self.finish(call)
        return way.pipeline

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something nobody waits for; it is held on to until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Begin no more calls; streams under way end as cancelled."""
        self._closed = True
        for stream in list(self.streams):
            await stream.leave()

    def _checked_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise HarnessError("this client is closed: make another")
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise HarnessError("this client belongs to another event loop: make one for each")
        return loop

    def finish(self, call: CallState, *, cancelled: bool = False) -> None:
        """Tell of the end of a call. Once a call."""
        last = call.last
        self._emit(
            CallFinished(
                Call(
                    call.call_id,
                    call.start_ns if call.tag.intended_ns is None else call.tag.intended_ns,
                    call.start_ns,
                    self._now_ns(),
                    Outcome.CANCELLED if cancelled else call.outcome,
                    StoppedBy.USER if cancelled else call.stopped_by,
                    call.attempts,
                    call.model,
                    call.tag,
                    call.permit_wait_ns,
                    call.backoff_ns,
                    None if last is None else last.status,
                    None if last is None else last.code,
                    None if last is None else last.usage,
                    detail(call),
                )
            )
        )


def _try_next(call: CallState) -> bool:
    """Whether the next route may serve what this one did not."""
    if call.lease is not None or call.outcome is Outcome.OK:
        return False
    if call.stopped_by in _SECOND_CHANCE:
        return True
    left_s = call.left_s()
    if call.stopped_by is StoppedBy.DEADLINE:  # only the first choice's share of the time has passed
        return left_s is not None and left_s > 0
    return call.last is not None and call.last.fault is Fault.QUOTA

"""A reply as it is written."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Self

from harness.client.calls import Calls
from harness.client.ends import error_of, reply_or_raise
from harness.errors import HarnessError
from harness.exchange.streamed import Chunk, Streamed
from harness.model import Attempt, Fault, Outcome, Reply
from harness.pipeline.call_state import CallState
from harness.pipeline.pipeline import Pipeline

#: How long the end of a body may be in coming after all of the reply has.
READ_OUT_S = 0.1

DEADLINE_PASSED = "the call's deadline passed"


class OpenStream:
    """A call that has become a stream: every way it can end ends its attempt and the call exactly once.

    `idle_s` bounds the silence between two chunks, the call's deadline the whole.
    """

    def __init__(
        self, calls: Calls, call: CallState, pipeline: Pipeline, streamed: Streamed, idle_s: float | None
    ) -> None:
        self.call = call
        self.streamed = streamed
        self._calls = calls
        self._pipeline = pipeline
        self._idle_s = idle_s
        self._deadline: asyncio.TimerHandle | None = None
        if call.deadline_at_s is not None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_at(call.deadline_at_s, self._expire)
        calls.streams.add(self)

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self.call.lease is None

    async def read(self) -> Chunk | None:
        """The next chunk, or None at the end, which `call.last` then tells. Raises CancelledError only."""
        if self.over:
            return None
        left_s = self.call.left_s()
        if left_s is not None and left_s <= 0:  # a read that finds bytes at once never meets a timeout
            await self._end(self.streamed.end(Outcome.DEADLINE, detail=DEADLINE_PASSED))
            return None
        by_deadline = left_s is not None and (self._idle_s is None or left_s < self._idle_s)
        most_s = left_s if by_deadline else self._idle_s
        try:
            async with asyncio.timeout(most_s):
                chunk = await self.streamed.read()
        except TimeoutError:
            if self.over:
                return None
            if by_deadline:
                attempt = self.streamed.end(Outcome.DEADLINE, detail=DEADLINE_PASSED)
            else:
                silence = f"the stream was silent for {most_s:g} s"
                attempt = self.streamed.end(Outcome.TIMEOUT, Fault.IDLE_TIMEOUT, silence)
            await self._end(attempt)
            return None
        except asyncio.CancelledError:
            if self.over:
                raise
            await self._end(self.streamed.end(Outcome.CANCELLED, detail="cancelled by the caller"))
            raise
        if chunk is None and not self.over:
            await self._end(self.streamed.end())
        return chunk

    async def leave(self) -> None:
        """The caller wants no more."""
        if not self.over:
            await self._end(self.streamed.end(Outcome.CANCELLED, detail="left by the caller"))

    def _expire(self) -> None:
        """The deadline has passed, and nobody reads: nothing is held for a caller who may never come back."""
        if not self.over:
            self._finish(self.streamed.end(Outcome.DEADLINE, detail=DEADLINE_PASSED))
            self._calls.in_background(self.streamed.aclose())

    def _finish(self, attempt: Attempt) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._pipeline.end(self.call, attempt)
        self._calls.streams.discard(self)
        self._calls.finish(self.call)

    async def _end(self, attempt: Attempt) -> None:
        """Everything is given back before anything is awaited."""
        self._finish(attempt)
        try:
            if attempt.outcome is Outcome.OK:
                async with asyncio.timeout(READ_OUT_S):
                    await self.streamed.read_out()
        except TimeoutError:
            return  # the finally below drops the connection
        finally:
            await self.streamed.aclose()


class CopyStream:
    """One streamed call: enter it, iterate over its text, find the whole in `reply`.

        async with client.stream("...") as stream:
            async for text in stream:
                print(text, end="")
        print(stream.reply.usage)

    Entering waits for the first output: until then failures are retried as for any call, and raise the
    CallError of the call's outcome. Afterwards the stream cannot be retried: iterating raises Partial, with
    the text received. Leaving early closes the connection. A permit is held until the stream is closed.
    """

    def __init__(self, begin: Callable[[], Awaitable[OpenStream | CallState]]) -> None:
        self._begin = begin
        self._open: OpenStream | None = None
        self._call: CallState | None = None
        self._ready: deque[str] = deque()
        self._parts: list[str] = []

    async def __aenter__(self) -> Self:
        if self._call is not None:
            raise HarnessError("this stream has been entered before: ask the client for another")
        begun = await self._begin()
        if isinstance(begun, OpenStream):
            self._open, self._call = begun, begun.call
        else:
            self._call = begun
            self._ready.append(reply_or_raise(begun).text)  # a server that does not stream
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            await self._open.leave()

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        if self._call is None:
            raise HarnessError("this stream has not been entered: async with client.stream(...) as stream")
        while not self._ready:
            chunk = None if self._open is None else await self._open.read()
            if chunk is None:
                self._raise_if_broken()
                raise StopAsyncIteration
            self._ready.extend(chunk.texts)
        text = self._ready.popleft()
        self._parts.append(text)
        return text

    @property
    def text(self) -> str:
        """What has been handed out so far."""
        return "".join(self._parts)

    @property
    def reply(self) -> Reply:
        """The whole reply, once the stream has been read to its end. Raises HarnessError before that."""
        last = self._call.last if self._call else None
        if last is None or last.reply is None:
            raise HarnessError("stream.reply: there is none until the stream has been read to its end")
        return last.reply

    def _raise_if_broken(self) -> None:
        if self._call is not None and self._call.outcome is not Outcome.OK:
            raise error_of(self._call, self._open.streamed.text if self._open else "")

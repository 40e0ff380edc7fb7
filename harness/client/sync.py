"""The client for scripts: the same calls, without an event loop of one's own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from harness.client.client import (
    DEFAULT_MAX_TOKENS,
    DEFAULT_TEMPERATURE,
    ResilientClient,
)
from harness.client.mapping import Item
from harness.client.messages import COPYWRITER, AnyMessage
from harness.client.stream import CopyStream
from harness.errors import CallError, HarnessError
from harness.model import Reply

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own. For use from any other thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="primetime-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`. Ctrl-C cancels it, and waits until it has cleaned up."""
        if not self._thread.is_alive():
            work.close()
            raise HarnessError("this client is closed: make another")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                self._cancel(future)
            raise

    def stop(self) -> None:
        """End the thread. Once it has stopped, nothing more runs."""
        if self._thread.is_alive():
            self.run(self._loop.shutdown_asyncgens())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _cancel(self, future: Any) -> None:
        ended = threading.Event()
        future.add_done_callback(lambda _: ended.set())
        future.cancel()
        ended.wait()


class CopyLines:
    """One streamed call, read without an event loop; see CopyStream."""

    def __init__(self, thread: LoopThread, stream: CopyStream) -> None:
        self._thread = thread
        self._stream = stream

    def __enter__(self) -> Self:
        self._thread.run(self._stream.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.run(self._stream.__aexit__(kind, error, trace))

    def __iter__(self) -> Iterator[str]:
        while (text := self._thread.run(_next(self._stream))) is not None:
            yield text

    @property
    def text(self) -> str:
        """What has been handed out so far."""
        return self._stream.text

    @property
    def reply(self) -> Reply:
        """The whole reply, once the stream has been read to its end. Raises HarnessError before that."""
        return self._stream.reply


class SyncClient:
    """Calls of a ResilientClient for code without an event loop; several threads may share one.

        with SyncClient(ResilientClient(policy="tuned")) as client:
            print(client.generate_copy("...").text)

    The client is this one's from then on, and closed with it. Methods are those of ResilientClient, and
    raise what they raise.
    """

    def __init__(self, client: ResilientClient) -> None:
        self._client = client
        self._thread = LoopThread()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and end the thread."""
        try:
            self._thread.run(self._client.aclose())
        finally:
            self._thread.stop()

    def generate_copy(
        self,
        prompt: str,
        model: str | None = None,
        max_tokens: int = DEFAULT_MAX_TOKENS,
        *,
        system: str | None = COPYWRITER,
        temperature: float | None = DEFAULT_TEMPERATURE,
        priority: int = 0,
    ) -> Reply:
        """Write one piece of copy."""
        return self._thread.run(
            self._client.generate_copy(
                prompt, model, max_tokens, system=system, temperature=temperature, priority=priority
            )
        )

    def chat(
        self,
        messages: Sequence[AnyMessage],
        model: str | None = None,
        max_tokens: int = DEFAULT_MAX_TOKENS,
        *,
        temperature: float | None = None,
        priority: int = 0,
        extra: Mapping[str, Any] | None = None,
    ) -> Reply:
        """The reply to a conversation."""
        return self._thread.run(
            self._client.chat(
                messages, model, max_tokens, temperature=temperature, priority=priority, extra=extra
            )
        )

    def stream(
        self,
        prompt: str | Sequence[AnyMessage],
        model: str | None = None,
        max_tokens: int = DEFAULT_MAX_TOKENS,
        *,
        system: str | None = COPYWRITER,
        temperature: float | None = DEFAULT_TEMPERATURE,
        priority: int = 0,
        extra: Mapping[str, Any] | None = None,
    ) -> CopyLines:
        """The reply as it is written: a context manager to iterate over."""
        stream = self._client.stream(
            prompt,
            model,
            max_tokens,
            system=system,
            temperature=temperature,
            priority=priority,
            extra=extra,
        )
        return CopyLines(self._thread, stream)

    def map(
        self,
        prompts: Iterable[str],
        model: str | None = None,
        max_tokens: int = DEFAULT_MAX_TOKENS,
        *,
        system: str | None = COPYWRITER,
        temperature: float | None = DEFAULT_TEMPERATURE,
        priority: int = 0,
        ordered: bool = False,
        at_once: int | None = None,
    ) -> Iterator[Item]:
        """Write many pieces: an Item a prompt, as completed. Prompts are taken on the client's thread."""
        items = self._client.map(
            prompts,
            model,
            max_tokens,
            system=system,
            temperature=temperature,
            priority=priority,
            ordered=ordered,
            at_once=at_once,
        )
        return self._each(items)

    def batch_generate(
        self,
        prompts: Sequence[str],
        model: str | None = None,
        max_tokens: int = DEFAULT_MAX_TOKENS,
        *,
        priority: int = 0,
    ) -> list[Reply | CallError]:
        """Write many pieces: one entry a prompt, in their order."""
        return self._thread.run(self._client.batch_generate(prompts, model, max_tokens, priority=priority))

    def _each(self, items: AsyncGenerator[Item, None]) -> Iterator[Item]:
        try:
            while (item := self._thread.run(_next(items))) is not None:
                yield item
        finally:
            self._thread.run(items.aclose())


async def _next(items: AsyncIterator[T]) -> T | None:
    """The next item; None when there are no more."""
    return await anext(items, None)

"""The client for scripts: the same calls, without an event loop of one's own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from harness.client.client import (
    DEFAULT_MAX_TOKENS,
    DEFAULT_TEMPERATURE,
    ResilientClient,
)
from harness.client.loop_thread import LoopThread
from harness.client.mapping import Item
from harness.client.messages import COPYWRITER, AnyMessage
from harness.client.stream import CopyStream
from harness.errors import CallError, expected
from harness.model import Reply

T = TypeVar("T")


class SyncStream:
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
        if self._thread.alive:
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
        if not isinstance(client, ResilientClient):
            raise expected("client", client, "a ResilientClient")
        self._client = client
        self._thread = LoopThread()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the calls under way, close all connections and end the thread."""
        self._thread.stop(self._client.aclose)

    def generate_copy(
        self,
        prompt: str,
        model: str | None = None,
        max_tokens: int | None = DEFAULT_MAX_TOKENS,
        *,
        system: str | None = COPYWRITER,
        temperature: float | None = DEFAULT_TEMPERATURE,
        priority: int = 0,
        deadline_s: float | None = None,
        idempotency_key: str | None = None,
    ) -> Reply:
        """Write one piece of copy."""
        return self._thread.run(
            self._client.generate_copy(
                prompt,
                model,
                max_tokens,
                system=system,
                temperature=temperature,
                priority=priority,
                deadline_s=deadline_s,
                idempotency_key=idempotency_key,
            )
        )

    def chat(
        self,
        messages: Sequence[AnyMessage],
        model: str | None = None,
        max_tokens: int | None = DEFAULT_MAX_TOKENS,
        *,
        temperature: float | None = None,
        priority: int = 0,
        deadline_s: float | None = None,
        idempotency_key: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Reply:
        """The reply to a conversation."""
        return self._thread.run(
            self._client.chat(
                messages,
                model,
                max_tokens,
                temperature=temperature,
                priority=priority,
                deadline_s=deadline_s,
                idempotency_key=idempotency_key,
                extra=extra,
            )
        )

    def stream(
        self,
        prompt: str | Sequence[AnyMessage],
        model: str | None = None,
        max_tokens: int | None = DEFAULT_MAX_TOKENS,
        *,
        system: str | None = COPYWRITER,
        temperature: float | None = DEFAULT_TEMPERATURE,
        priority: int = 0,
        extra: Mapping[str, Any] | None = None,
    ) -> SyncStream:
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
        return SyncStream(self._thread, stream)

    def map(
        self,
        prompts: Iterable[str],
        model: str | None = None,
        max_tokens: int | None = DEFAULT_MAX_TOKENS,
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
        max_tokens: int | None = DEFAULT_MAX_TOKENS,
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
            if self._thread.alive:
                self._thread.run(items.aclose())


async def _next(items: AsyncIterator[T]) -> T | None:
    """The next item; None when there are no more."""
    return await anext(items, None)

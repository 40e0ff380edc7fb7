"""Many calls, a bounded number at once, one item each."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
)
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.errors import CallError, HarnessError, RequestError
from harness.model import Reply

T = TypeVar("T")

_END = object()


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one prompt: a reply, or the error its call ended in. `index` counts from 0."""

    index: int
    prompt: str
    result: Reply | CallError | RequestError

    @property
    def ok(self) -> bool:
        """Whether there is a reply."""
        return isinstance(self.result, Reply)

    @property
    def reply(self) -> Reply:
        """The reply; raises the error where there is none."""
        if isinstance(self.result, HarnessError):
            raise self.result
        return self.result


async def map_calls(
    write: Callable[[str], Awaitable[Reply]],
    source: AsyncGenerator[str, None],
    at_once: float,
    *,
    ordered: bool,
) -> AsyncGenerator[Item, None]:
    """An Item a prompt, as completed or in order; at most `at_once` are under way or not yet taken.

    Results do not wait for the next prompt to come: a slow source of prompts holds nothing back.
    """
    ended: asyncio.Queue[asyncio.Task[Any]] = asyncio.Queue()
    tasks: set[asyncio.Task[Any]] = set()

    def spawn(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(ended.put_nowait)
        return task

    ready: dict[int, Item] = {}
    asked = given = 0
    fetch: asyncio.Task[Any] | None = None
    try:
        more = True
        while more or given < asked:
            if more and fetch is None and asked - given < at_once:
                fetch = spawn(_next(source))
            task = await ended.get()
            tasks.discard(task)
            if task is fetch:
                prompt, fetch = task.result(), None
                more = prompt is not _END
                if more:
                    spawn(_item(write, asked, prompt))
                    asked += 1
                continue
            item = task.result()
            ready[item.index] = item
            while ready and (not ordered or given in ready):
                yield ready.pop(given if ordered else item.index)
                given += 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await source.aclose()


async def _next(source: AsyncIterator[str]) -> Any:
    """The next prompt, whatever it is; _END when there are no more."""
    return await anext(source, _END)


async def _item(write: Callable[[str], Awaitable[Reply]], index: int, prompt: str) -> Item:
    try:
        return Item(index, prompt, await write(prompt))
    except (CallError, RequestError) as error:
        return Item(index, prompt, error)


def as_prompts(prompts: Iterable[str] | AsyncIterable[str]) -> AsyncGenerator[str, None]:
    """Prompts from any source of them. Raises RequestError for what is none.

    One text is none: to Python it is a list of letters, and each of them would be paid for.
    """
    if isinstance(prompts, str) or not isinstance(prompts, Iterable | AsyncIterable):
        raise RequestError(f"prompts = {prompts!r:.100}: expected a list, or another source, of prompts")
    return _as_async(prompts)


async def _as_async(prompts: Iterable[str] | AsyncIterable[str]) -> AsyncGenerator[str, None]:
    if isinstance(prompts, AsyncIterable):
        async for prompt in prompts:
            yield prompt
    else:
        for prompt in prompts:
            yield prompt

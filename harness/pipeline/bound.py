"""A bound on the time of a block: what asyncio.timeout does, at a third of its cost."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Bound:
    """Cancels the task after `most_s` (None: never); that cancellation, and no other, becomes TimeoutError.

    As asyncio.timeout, without its coroutines and states; for one use, inside a task.
    """

    __slots__ = ("_cancelling", "_expired", "_handle", "_most_s", "_task")

    def __init__(self, most_s: float | None) -> None:
        self._most_s = most_s
        self._expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a bound on time needs a task to cancel")
        self._task = task
        self._cancelling = task.cancelling()
        self._handle: asyncio.Handle | None = None
        if self._most_s is not None:
            loop = asyncio.get_running_loop()
            late = self._most_s <= 0
            self._handle = (
                loop.call_soon(self._expire) if late else loop.call_later(self._most_s, self._expire)
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.cancel()
        # As many requests to cancel as at the start: there was none but ours.
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()

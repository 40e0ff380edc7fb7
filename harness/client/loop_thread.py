"""An event loop in a thread of its own, for callers without one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextvars import copy_context
from typing import Any, TypeVar

from harness.errors import HarnessError

T = TypeVar("T")

CLOSED = "this client is closed: make another"


class LoopThread:
    """Runs coroutines for other threads, and waits for their end however the caller is interrupted."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._closing = threading.Lock()
        self._open = True
        self._over = False
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._loop.run_forever, name="primetime-client", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still takes work."""
        return self._open

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`. Ctrl-C cancels it, and waits until it has cleaned up.

        Raises HarnessError when the thread has been stopped, or is the caller's own.
        """
        try:
            self._check()
        except HarnessError:
            work.close()
            raise
        return self._run(work)

    def stop(self, last: Callable[[], Awaitable[None]]) -> None:
        """Cancel what runs, do one last thing and end the thread. A second time it does nothing."""
        with self._closing:
            if not self._open:
                return
            self._check()
            self._open = False
            try:
                self._run(self._wind_up(last))
            finally:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
                self._loop.close()

    def _check(self) -> None:
        if os.getpid() != self._process:
            raise HarnessError("this client was made before the process was forked: make one in each process")
        if threading.current_thread() is self._thread:
            raise HarnessError(
                "called from the client's own thread, as a listener is: it would wait for itself"
            )
        if not self._open:
            raise HarnessError(CLOSED)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        done: Future[T] = Future()
        started: list[asyncio.Task[T]] = []

        def start() -> None:
            if self._over:
                work.close()
                done.cancel()
                return
            task = self._loop.create_task(work)
            started.append(task)
            task.add_done_callback(lambda task: _hand_over(task, done))

        try:
            self._loop.call_soon_threadsafe(start, context=copy_context())
        except RuntimeError:  # the loop has been closed since the caller looked
            work.close()
            raise HarnessError(CLOSED) from None
        try:
            return done.result()
        except CancelledError:
            raise HarnessError("this client was closed while the call was under way") from None
        except BaseException:  # Ctrl-C in the caller's thread, or what the work itself raised
            if not done.done():
                self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in started])
                _settled(done)
            raise

    async def _wind_up(self, last: Callable[[], Awaitable[None]]) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await last()
        await self._loop.shutdown_asyncgens()
        self._over = True


def _hand_over(task: asyncio.Task[T], done: Future[T]) -> None:
    """In the loop's thread: the end of a task, to who waits for it."""
    if task.cancelled():
        done.cancel()
    elif (error := task.exception()) is not None:
        done.set_exception(error)
    else:
        done.set_result(task.result())


def _settled(done: Future[Any]) -> None:
    """Wait for the end, whatever it is."""
    ended = threading.Event()
    done.add_done_callback(lambda _: ended.set())
    ended.wait()

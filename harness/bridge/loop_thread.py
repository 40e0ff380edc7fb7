"""One asyncio loop in a true native thread beside Locust's gevent hub.

`import locust` turns `threading.Thread` into a greenlet; a loop in one would run on the hub and freeze it.
Nothing may cross between hub and loop but plain attributes, lists and `call_soon_threadsafe`: a lock
patched by gevent, touched from the loop's thread, can hang the process (logging has such locks).
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import gevent
from gevent.monkey import get_original

try:
    import uvloop
except ImportError:  # not built for this platform
    uvloop = None  # type: ignore[assignment]

_start_thread = get_original("_thread", "start_new_thread")
_thread_id = get_original("_thread", "get_ident")
_Condition = get_original("threading", "Condition")
_RLock = get_original("threading", "RLock")

#: After so long one thread makes room for the other. With Python's own 5 ms the loop would send late by as
#: much whenever the hub has something to do.
SWITCH_S = 0.001

#: How often the hub looks at what the loop has done.
POLL_S = 0.02

#: Chatty libraries on the loop's side: a line a request is of no use here.
QUIET = ("httpx", "httpcore", "aiohttp", "asyncio")


class Pending:
    """Something running on the loop, for the hub to look at."""

    def __init__(self) -> None:
        self.done = False
        self.error: BaseException | None = None

    def wait(self, timeout_s: float) -> bool:
        """Let the hub work until it is done or the time is up. Raises what was raised on the loop."""
        left_s = timeout_s
        while not self.done and left_s > 0:
            gevent.sleep(POLL_S)
            left_s -= POLL_S
        if self.error is not None:
            raise self.error
        return self.done


class LoopThread:
    """Runs coroutines on the loop. Start it after any fork; stop it before the interpreter ends."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop() if uvloop else asyncio.new_event_loop()
        self.loop.set_default_executor(_NativeExecutor())
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = Pending()
        self._log = _LogRelay()
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        _start_thread(self._main, ())

    def run(self, coroutine: Coroutine[Any, Any, None]) -> Pending:
        """Start a coroutine on the loop."""
        pending = Pending()

        async def watched() -> None:
            try:
                await coroutine
            except BaseException as error:  # noqa: BLE001 - handed to the hub, which raises it there
                pending.error = error
            finally:
                pending.done = True

        def start() -> None:
            task = self.loop.create_task(watched())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self.loop.call_soon_threadsafe(start)
        return pending

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Call a function on the loop soon."""
        self.loop.call_soon_threadsafe(function, *args)

    def relay_logs(self) -> None:
        """Hand log records made on the loop to the handlers. To be called on the hub."""
        self._log.relay()

    def stop(self) -> None:
        """End the loop and wait for its thread."""
        if not self._ended.done:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._ended.wait(5.0)
            sys.setswitchinterval(self._switch_s)
        self._log.close()

    def _main(self) -> None:
        self._log.thread_id = _thread_id()
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()
            self._ended.done = True


class _LogRelay(logging.Filter):
    """Keeps the loop's thread away from the locks of logging handlers: its records wait for the hub."""

    def __init__(self) -> None:
        super().__init__()
        self.thread_id = 0
        self._records: deque[logging.LogRecord] = deque()
        self._handlers = list(logging.getLogger().handlers)
        for handler in self._handlers:
            handler.addFilter(self)
        for name in QUIET:
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.level, logging.WARNING))
            # A first look takes the logging module's lock and caches the answer: take it here, on the hub.
            logger.isEnabledFor(logging.DEBUG)
            logger.isEnabledFor(logging.INFO)

    def filter(self, record: logging.LogRecord) -> bool:
        """Called before the handler takes its lock."""
        if _thread_id() != self.thread_id:
            return True
        if record not in self._records:
            self._records.append(record)
        return False

    def relay(self) -> None:
        while self._records:
            record = self._records.popleft()
            logging.getLogger(record.name).handle(record)

    def close(self) -> None:
        self.relay()
        for handler in self._handlers:
            handler.removeFilter(self)


class _NativeExecutor(ThreadPoolExecutor):
    """What `run_in_executor` uses: a native thread a job, since gevent's threads would never be run.

    asyncio accepts a ThreadPoolExecutor only; nothing of its own machinery is used.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        # The future's own condition is built on gevent's lock.
        future._condition = _Condition(_RLock())  # noqa: SLF001

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - the future carries it to whoever awaits
                future.set_exception(error)

        _start_thread(work, ())
        return future

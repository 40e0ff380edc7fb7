"""An asyncio event loop on a virtual clock: waiting costs nothing, and what cannot be simulated raises."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from typing import Any, NoReturn, TypeVar, TypeVarTuple

from harness.errors import HarnessError
from harness.units import NS

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: What a sum of float seconds may miss its whole nanosecond by. The loop's own sum (clock + delay) stays
#: below it for four days: three roundings of 2^-53 each.
_NOISE_NS = 0.125

#: asyncio's own threshold: fewer dead timers than this are not worth a sweep.
_FEW_TIMERS = 100

_TASKS_NAMED = 5

#: The instant of what is not a timer; nobody asks for it.
_AT_ONCE = 0.0


class Deadlock(HarnessError):  # noqa: N818 - a finding about the code under test
    """Every task waits, and no timer is left that could wake one. The message names the tasks."""


class RealWait(HarnessError):  # noqa: N818 - named for what was asked of the loop
    """Something asked to wait for a thread, a socket, DNS or a process. The message names what."""


def _refuse(what: str) -> Any:
    """A method that raises RealWait; Any, as it stands in for methods of every signature."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise _real_wait(what)

    return refuse


def _real_wait(what: str) -> RealWait:
    return RealWait(
        f"{what}: virtual time cannot wait for the real world; "
        "answer in process (httpx.MockTransport, a queue) or run on asyncio's own loop"
    )


class _Handle(asyncio.TimerHandle):
    """A timer, or what runs in the next turn: a call makes nine of them.

    As asyncio makes both, but in one step, and without asking each time whether the loop debugs.
    """

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: VirtualLoop,
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = self._source_traceback = None
        self._when = when
        self._scheduled = False


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose clock jumps: it moves only when nothing is ready, and then to the next timer.

    The clock starts at 0 and counts whole nanoseconds, so no error gathers however long it runs. A timer
    is due at the first nanosecond not before its instant (float noise aside: 0.1 + 0.2 and 0.3 are one
    instant); timers of one instant run in the order they were set; a wait longer than zero always moves
    the clock. Within four days of virtual time an instant given as float seconds is exact.

    Raises Deadlock when nothing is ready and no timer is left, RealWait where asyncio would turn to the
    operating system. Code that spins (`while not done: await asyncio.sleep(0)`) holds the clock still, and
    a thread started behind the loop's back is noticed only when it calls in.
    """

    # BaseEventLoop's own, which it does not declare: call_soon appends to the first, stop() and close() set
    # the others.
    _ready: deque[asyncio.Handle]
    _stopping: bool
    _closed: bool

    def __init__(self) -> None:
        super().__init__()
        self._now_ns = 0
        self._timers: list[tuple[int, int, _Handle]] = []
        self._order = itertools.count()
        self._cancelled = 0
        self._home = threading.get_ident()
        self._unheard: RealWait | None = None

    def now_ns(self) -> int:
        """Virtual nanoseconds."""
        return self._now_ns

    def time(self) -> float:
        """Virtual seconds."""
        return self._now_ns / NS

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back at virtual second `when`; never, if that is infinite."""
        if self._closed:
            raise RuntimeError("Event loop is closed")
        timer = _Handle(when, callback, args, self, context)
        if when != math.inf:
            heapq.heappush(self._timers, (self._due_ns(when), next(self._order), timer))
        return timer

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back so many virtual seconds from now; never, if that is infinite."""
        return self.call_at(self._now_ns / NS + delay, callback, *args, context=context)

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call back in the next turn."""
        if self._closed:
            raise RuntimeError("Event loop is closed")
        handle = _Handle(_AT_ONCE, callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """As `call_soon`, from the loop's own thread: asyncio.Runner's Ctrl-C handler calls it there."""
        if threading.get_ident() != self._home:
            error = _real_wait(f"call_soon_threadsafe from thread {threading.current_thread().name!r}")
            # Executors log what a callback raises and go on, so the loop's own thread raises it as well.
            self._unheard = error
            raise error
        return self.call_soon(callback, *args, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """As asyncio does; a RealWait that reached only the log also ends the run before the clock moves."""
        if isinstance(error := context.get("exception"), RealWait):
            self._unheard = error
        super().call_exception_handler(context)

    def _run_once(self) -> None:
        """One turn. Overrides BaseEventLoop's, which polls a selector and reads a clock with a resolution."""
        if not self._ready and not self._stopping:
            self._jump()
        timers, ready = self._timers, self._ready
        while timers and timers[0][0] <= self._now_ns:
            ready.append(heapq.heappop(timers)[2])
        # What these schedule waits for the next turn, as in asyncio.
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:  # noqa: SLF001 - the hottest line there is
                handle._run()  # noqa: SLF001 - runs in the handle's context, and reports what the callback raises

    def _jump(self) -> None:
        if self._unheard is not None:
            error, self._unheard = self._unheard, None
            raise error
        timers = self._timers
        while timers and timers[0][2]._cancelled:  # noqa: SLF001 - of our own class
            heapq.heappop(timers)
        if not timers:
            raise Deadlock(f"every task waits and no timer is scheduled: {self._waiting()}")
        self._now_ns = max(self._now_ns, timers[0][0])

    def _due_ns(self, when: float) -> int:
        due_ns = math.ceil(when * NS - _NOISE_NS)
        if due_ns <= self._now_ns and when > self._now_ns / NS:
            # Otherwise `while loop.time() < when: await asyncio.sleep(when - loop.time())` never ends.
            return self._now_ns + 1
        return due_ns

    def _timer_handle_cancelled(self, _handle: asyncio.TimerHandle) -> None:
        """TimerHandle.cancel calls this. Sweeps the dead, or long timeouts would pile up by the million."""
        self._cancelled += 1
        if self._cancelled > max(_FEW_TIMERS, len(self._timers) // 2):
            self._cancelled = 0
            self._timers = [timer for timer in self._timers if not timer[2]._cancelled]  # noqa: SLF001
            heapq.heapify(self._timers)

    def _waiting(self) -> str:
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: (len(task.get_name()), task.get_name()))
        named = [_whereabouts(task) for task in tasks[:_TASKS_NAMED]]
        if len(tasks) > _TASKS_NAMED:
            named.append(f"and {len(tasks) - _TASKS_NAMED} more")
        return ", ".join(named) or "no task at all"

    run_in_executor = _refuse("run_in_executor")
    set_default_executor = _refuse("set_default_executor")
    getaddrinfo = _refuse("getaddrinfo")
    getnameinfo = _refuse("getnameinfo")
    create_connection = _refuse("create_connection")
    create_server = _refuse("create_server")
    create_datagram_endpoint = _refuse("create_datagram_endpoint")
    create_unix_connection = _refuse("create_unix_connection")
    create_unix_server = _refuse("create_unix_server")
    connect_accepted_socket = _refuse("connect_accepted_socket")
    start_tls = _refuse("start_tls")
    sendfile = _refuse("sendfile")
    sock_accept = _refuse("sock_accept")
    sock_connect = _refuse("sock_connect")
    sock_recv = _refuse("sock_recv")
    sock_recv_into = _refuse("sock_recv_into")
    sock_recvfrom = _refuse("sock_recvfrom")
    sock_recvfrom_into = _refuse("sock_recvfrom_into")
    sock_sendall = _refuse("sock_sendall")
    sock_sendfile = _refuse("sock_sendfile")
    sock_sendto = _refuse("sock_sendto")
    add_reader = _refuse("add_reader")
    add_writer = _refuse("add_writer")
    remove_reader = _refuse("remove_reader")
    remove_writer = _refuse("remove_writer")
    connect_read_pipe = _refuse("connect_read_pipe")
    connect_write_pipe = _refuse("connect_write_pipe")
    subprocess_exec = _refuse("subprocess_exec")
    subprocess_shell = _refuse("subprocess_shell")
    add_signal_handler = _refuse("add_signal_handler")
    remove_signal_handler = _refuse("remove_signal_handler")
    # asyncio's transports register through these; there is no selector a descriptor could be put in.
    _add_reader = _refuse("_add_reader")
    _add_writer = _refuse("_add_writer")
    _selector = property(_refuse("_selector"))


def run(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main`, run on a fresh virtual loop; leftover tasks are cancelled, as asyncio.run does.

    Raises what `main` raises, Deadlock or RealWait.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def now_ns() -> int:
    """The running virtual loop's clock, to inject wherever the harness asks for `now_ns`."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise TypeError(f"virtual now_ns on {loop!r}: expected code started by harness.sim.loop.run")
    return loop.now_ns()


def _whereabouts(task: asyncio.Task[Any]) -> str:
    frames = task.get_stack(limit=1)
    if not frames:
        return task.get_name()
    code = frames[0].f_code
    return f"{task.get_name()} in {code.co_qualname} ({code.co_filename}:{frames[0].f_lineno})"

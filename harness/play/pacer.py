"""Waiting for an instant of the clock, to a fraction of a millisecond.

uvloop's timers count whole milliseconds: they are up to one early, or late. Where Linux has it, a timerfd
wakes the loop in time.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from harness.units import NS

# From Linux's sys/timerfd.h; Python has them as names from 3.13 on.
_CLOCK_MONOTONIC = 1


class Pacer(Protocol):
    """One waiter's alarm. For use from one event loop."""

    async def sleep(self, duration_ns: int) -> None:
        """Wait so long, or until `wake`; it may be a little less, never much more."""

    def wake(self) -> None:
        """End the wait under way, if there is one."""

    def close(self) -> None:
        """Give back what it holds of the system."""


class LoopPacer:
    """By the event loop's own timers: exact in virtual time, to a millisecond under uvloop."""

    def __init__(self) -> None:
        self._turn: asyncio.Future[None] | None = None

    async def sleep(self, duration_ns: int) -> None:
        """Wait so long, or until `wake`."""
        loop = asyncio.get_running_loop()
        self._turn = loop.create_future()
        timer = loop.call_later(duration_ns / NS, self.wake)
        try:
            await self._turn
        finally:
            timer.cancel()
            self._turn = None

    def wake(self) -> None:
        """End the wait under way."""
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    def close(self) -> None:
        """It holds nothing."""


class TimerPacer:
    """By a timerfd. To be made inside the loop it belongs to; raises OSError where there is none."""

    def __init__(self) -> None:
        # PyDLL keeps the interpreter's lock: to give it up for a microsecond would cost a thread switch.
        self._libc = ctypes.PyDLL(None, use_errno=True)
        self._descriptor = self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._rung)
        self._turn: asyncio.Future[None] | None = None

    async def sleep(self, duration_ns: int) -> None:
        """Wait so long, or until `wake`."""
        self._turn = self._loop.create_future()
        seconds, nanoseconds = divmod(max(1, duration_ns), NS)
        moment = struct.pack("qqqq", 0, 0, seconds, nanoseconds)
        self._libc.timerfd_settime(self._descriptor, 0, moment, None)
        try:
            await self._turn
        finally:
            self._turn = None

    def wake(self) -> None:
        """End the wait under way."""
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    def close(self) -> None:
        """Close the descriptor."""
        self._loop.remove_reader(self._descriptor)
        self._libc.close(self._descriptor)  # os.close is gevent's, and may leave it to the hub

    def _rung(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._descriptor, 8)
        self.wake()


def make_pacer() -> Pacer:
    """The finest there is here. To be called inside the loop."""
    if sys.platform == "linux":
        with suppress(OSError):
            return TimerPacer()
    return LoopPacer()


#: How a player gets its pacer.
MakePacer = Callable[[], Pacer]

"""An asyncio event loop on a virtual clock: seconds of waiting cost nothing, and a deadlock raises."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from harness.units import NS

T = TypeVar("T")


class Deadlock(Exception):  # noqa: N818 - a finding about the code under test
    """Every task waits, and no timer is left that could wake one."""


class _Selector(selectors.DefaultSelector):
    """Where the loop would sleep, it moves the loop's clock to the next timer."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise Deadlock("every task waits and no timer is scheduled")
        if not ready and timeout and timeout > 0:
            self.loop.now_s = self.loop._scheduled[0].when()
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 and moves only when nothing is ready to run."""

    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        self.now_s = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Virtual seconds."""
        return self.now_s


def run(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main`, run on a fresh virtual loop. Raises Deadlock instead of hanging."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def now_ns() -> int:
    """The running loop's clock in nanoseconds, to inject wherever the harness asks for `now_ns`."""
    return round(asyncio.get_running_loop().time() * NS)

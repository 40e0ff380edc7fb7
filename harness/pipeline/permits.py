"""Permits for attempts in flight, first come first served, safe under cancellation."""

from __future__ import annotations

import asyncio
from collections import deque


class Permits:
    """At most `limit` held at once; None sets no bound. Not for use from several loops."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.held = 0
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._waiters)

    @property
    def free(self) -> bool:
        """Whether a caller would get a permit at once."""
        return self.limit is None or (self.held < self.limit and not self._waiters)

    async def acquire(self) -> None:
        """Take a permit, waiting in line for it. Cancelled, it leaves the line and holds nothing."""
        if self.free:
            self.held += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiters.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # handed over in the very turn that cancelled us
                self.release()
            elif turn in self._waiters:
                self._waiters.remove(turn)
            raise

    def release(self) -> None:
        """Hand the permit to the next in line, or put it back."""
        while self._waiters:
            turn = self._waiters.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.held -= 1

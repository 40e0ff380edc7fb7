"""The line before the wire: rate and permit for attempts in flight, safe under cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from harness.policy.concurrency import Limit
from harness.policy.rate import RateBucket, Reservation
from harness.units import NS


class Full(Exception):  # noqa: N818 - a decision, not a fault
    """The line is full, or a waiter of higher priority took one's place in it."""


class _Waiter:
    """One in line."""

    __slots__ = ("priority", "tokens", "turn")

    def __init__(self, tokens: int, priority: int, turn: asyncio.Future[Reservation]) -> None:
        self.tokens = tokens
        self.priority = priority
        self.turn = turn


class Gate:
    """Lets attempts through when the rate allows them and a permit is free.

    Higher priority first, then first come first served: the head of the line is never overtaken because it
    asks for more tokens than the next. A permit is taken at the moment of leaving the line, never before. Not
    for use from several loops.
    """

    def __init__(self, limit: Limit, bucket: RateBucket, now_ns: Callable[[], int]) -> None:
        self.held = 0
        self._limit = limit
        self._bucket = bucket
        self._now_ns = now_ns
        # A dict is an ordered set: first in, first out, and one who leaves is removed at once.
        self._lines: dict[int, dict[_Waiter, None]] = {}
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int | None:
        """Permits there are now; None for no bound."""
        return self._limit.limit

    @property
    def waiting(self) -> int:
        """How many are in line."""
        return self._waiting

    def try_enter(self, tokens: int) -> Reservation | None:
        """A permit and the rate's leave at once, or None where one would have to wait."""
        limit = self._limit.limit
        if self._waiting or (limit is not None and self.held >= limit):
            return None
        now_ns = self._now_ns()
        if self._bucket.wait_ns(tokens, now_ns) > 0:
            return None
        self.held += 1
        return self._bucket.take(tokens, now_ns)

    async def enter(self, tokens: int, priority: int = 0, most_waiting: int | None = None) -> Reservation:
        """Wait in line for a permit and the rate's leave; give the permit back with `leave`.

        With `most_waiting` in line already, raises Full, unless one of lower priority can be turned away
        instead: then that one's `enter` does. Cancelled, it leaves the line and holds nothing.
        """
        if most_waiting is not None and self._waiting >= most_waiting:
            self._displace(priority)
        waiter = _Waiter(tokens, priority, asyncio.get_running_loop().create_future())
        self._lines.setdefault(priority, {})[waiter] = None
        self._waiting += 1
        self.advance()
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.cancelled():
                self._remove(waiter)
                self.advance()  # it may have been the head, and asked for more than the next
            elif waiter.turn.exception() is None:  # let through in the very turn that cancelled us
                self._bucket.refund(waiter.turn.result(), self._now_ns())
                self.leave()
            raise

    def leave(self) -> None:
        """Give a permit back."""
        self.held -= 1
        self.advance()

    def advance(self) -> None:
        """Let through who can go now. To be called, too, when the limit has grown or the bucket changed."""
        if not self._waiting:
            return
        while self._waiting and self._permit_free:
            head = self._head()
            now_ns = self._now_ns()
            wait_ns = self._bucket.wait_ns(head.tokens, now_ns)
            if wait_ns > 0:
                self._look_again(wait_ns)
                return
            self._remove(head)
            if not head.turn.done():
                self.held += 1
                head.turn.set_result(self._bucket.take(head.tokens, now_ns))

    @property
    def _permit_free(self) -> bool:
        limit = self._limit.limit
        return limit is None or self.held < limit

    def _head(self) -> _Waiter:
        return next(iter(self._lines[max(self._lines)]))

    def _displace(self, priority: int) -> None:
        """Turn away the last of the lowest priority in favour of a newcomer."""
        lowest = min(self._lines, default=priority)
        if lowest >= priority:
            raise Full
        last = next(reversed(self._lines[lowest]))
        self._remove(last)
        if not last.turn.done():
            last.turn.set_exception(Full())

    def _remove(self, waiter: _Waiter) -> None:
        line = self._lines.get(waiter.priority, {})
        if waiter in line:
            del line[waiter]
            self._waiting -= 1
            if not line:
                del self._lines[waiter.priority]

    def _look_again(self, wait_ns: int) -> None:
        """Come back when the rate may allow the head; uvloop may be a millisecond early, and look twice."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(wait_ns / NS, self.advance)

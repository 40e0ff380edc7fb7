"""The line of tasks, as streaQ keeps it: a stream a priority, and those that are to come later."""

from __future__ import annotations

import heapq
from collections import deque

from harness.queue.tasks import Priority

#: Who goes first.
ORDER = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


class Line:
    """Ids of tasks. One that has ended meanwhile stands there all the same: who takes it up finds out."""

    def __init__(self) -> None:
        self._streams: dict[str, deque[str]] = {priority: deque() for priority in ORDER}
        self._later: dict[str, dict[str, int]] = {priority: {} for priority in ORDER}
        self._by_time: list[tuple[int, str, str]] = []

    def put(self, task_id: str, priority: str, now_ms: int, at_ms: int) -> None:
        """At the end of its stream; at an instant to come, once `publish` finds that it has come."""
        if at_ms > now_ms:
            self.put_later(task_id, priority, at_ms)
        else:
            self._streams[priority].append(task_id)

    def put_later(self, task_id: str, priority: str, at_ms: int) -> None:
        """With those that are to come, even if its time is now."""
        self._later[priority][task_id] = at_ms
        heapq.heappush(self._by_time, (at_ms, task_id, priority))

    def forget(self, task_id: str, priority: str) -> None:
        """One that is to come later does not."""
        self._later[priority].pop(task_id, None)

    def publish(self, now_ms: int) -> None:
        """Those whose time has come go to the end of their streams, in the order of their times."""
        while self._by_time and self._by_time[0][0] <= now_ms:
            at_ms, task_id, priority = heapq.heappop(self._by_time)
            if self._later[priority].get(task_id) == at_ms:  # it was not forgotten, or put off, meanwhile
                del self._later[priority][task_id]
                self._streams[priority].append(task_id)

    def take(self, most: int) -> list[tuple[str, str]]:
        """The next ones, each with its priority: none of a lower one while there is one of a higher."""
        taken: list[tuple[str, str]] = []
        for priority in ORDER:
            stream = self._streams[priority]
            while stream and len(taken) < most:
                taken.append((stream.popleft(), priority))
        return taken

    def later(self, priority: str) -> dict[str, int]:
        """Those of a priority that are to come later, and when."""
        return self._later[priority]

    def standing(self, priority: str) -> list[str]:
        """Those of a priority in their order."""
        return list(self._streams[priority])

    @property
    def waits(self) -> bool:
        """Whether there is one to take."""
        return any(self._streams.values())

    @property
    def next_ms(self) -> int | None:
        """When the next of those to come is due, or was."""
        return self._by_time[0][0] if self._by_time else None

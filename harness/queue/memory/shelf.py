"""What is kept of a queue in memory, and what several steps do with it; as in common.lua. Pure."""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict, deque

from harness.queue.memory.entry import Entry
from harness.queue.memory.line import ORDER, Line
from harness.queue.tasks import TaskChange, TaskStatus

#: Over which tasks that ended are counted.
WINDOW_MS = 60_000

_MS = 1000.0


class Shelf:
    """Tasks, and in which order they wait, are held, fall due. `line` is the engine's.

    `changes` are those of the last steps that nobody has taken yet.
    """

    def __init__(self) -> None:
        self.tasks: dict[str, Entry] = {}
        self.by_key: dict[str, str] = {}
        self.line = Line()
        self.changes: list[TaskChange] = []
        self.pending: dict[str, dict[str, int]] = {priority: {} for priority in ORDER}
        self.processing: dict[str, int] = {}
        self.deadlines: dict[str, int] = {}
        self.dead: dict[str, int] = {}
        self.workers: dict[str, int] = {}
        self.finished: OrderedDict[str, int] = OrderedDict()
        self.counts: Counter[str] = Counter()
        self.first_ms: int | None = None
        self._by_deadline: list[tuple[int, str]] = []
        self._to_forget: deque[tuple[int, str, str]] = deque()

    @property
    def depth(self) -> int:
        """Tasks that were accepted and have not ended."""
        return self.waiting + len(self.processing)

    @property
    def waiting(self) -> int:
        """How many tasks wait."""
        return sum(map(len, self.pending.values()))

    def wait(self, task_id: str, now: int, at: int) -> None:
        """A task that is new, or as if it were."""
        task = self.tasks[task_id]
        self.book_pending(task_id, task)
        self.line.put(task_id, task.priority, now, at)
        self.tell(task_id, TaskStatus.PENDING, now, 0)

    def book_pending(self, task_id: str, task: Entry) -> None:
        """It waits. One with a deadline is watched, so that it ends by it even when no worker comes to it."""
        self.pending[task.priority][task_id] = task.submitted_ms
        if task.deadline_ms > 0:
            self.deadlines[task_id] = task.deadline_ms
            heapq.heappush(self._by_deadline, (task.deadline_ms, task_id))

    def take_up(self, task_id: str, task: Entry, worker: str, token: str, now: int) -> None:
        """A try of a worker holds it."""
        task.fence += 1
        task.tries += 1
        task.state, task.token = TaskStatus.PROCESSING, token
        task.worker, task.started_ms = worker, now
        self.pending[task.priority].pop(task_id, None)
        self.deadlines.pop(task_id, None)
        self.tell(task_id, TaskStatus.PROCESSING, now, task.tries)

    def finish(
        self,
        task_id: str,
        state: TaskStatus,
        document: str,
        now: int,
        keep: int,
        keep_dead: int,
        *,
        dead: bool = False,
    ) -> None:
        """The end of a task, once: nothing calls this for one that has ended."""
        task = self.tasks[task_id]
        task.state, task.result, task.finished_ms = state, document, now
        self.pending[task.priority].pop(task_id, None)
        self.processing.pop(task_id, None)
        self.deadlines.pop(task_id, None)
        self.finished.pop(task_id, None)
        self.finished[task_id] = now
        self._trim_finished(now - WINDOW_MS)
        if state is TaskStatus.COMPLETED:
            task.body = None
        self.counts[state] += 1
        if dead:
            self.dead[task_id] = now
            self.counts["dead"] += 1
            self._trim_dead(keep_dead, now + keep)
        else:
            self._to_forget.append((now + keep, task_id, task.key))
        self.tell(task_id, state, now, task.tries)

    def _trim_dead(self, keep_dead: int, forget_ms: int) -> None:
        if (beyond := len(self.dead) - keep_dead) > 0:
            for _, task_id in sorted((at, task_id) for task_id, at in self.dead.items())[:beyond]:
                del self.dead[task_id]
                self._to_forget.append((forget_ms, task_id, self.tasks[task_id].key))
                self.counts["dead_forgotten"] += 1

    def _trim_finished(self, until_ms: int) -> None:
        """Those that ended at that instant or before are out of the window."""
        while self.finished and next(iter(self.finished.values())) <= until_ms:
            self.finished.popitem(last=False)

    def completions(self, now: int) -> tuple[int, int]:
        """How many ended in the last minute, and how long that minute was: a new queue's is shorter."""
        self._trim_finished(now - WINDOW_MS - 1)
        since = now if self.first_ms is None else self.first_ms
        return len(self.finished), min(WINDOW_MS, now - since)

    def due(self, now: int, most: int) -> list[str]:
        """Tasks that wait past their deadline, the earliest first."""
        due: list[str] = []
        while self._by_deadline and self._by_deadline[0][0] <= now and len(due) < most:
            deadline_ms, task_id = heapq.heappop(self._by_deadline)
            if self.deadlines.get(task_id) == deadline_ms:  # it was not taken up, or ended, meanwhile
                del self.deadlines[task_id]
                due.append(task_id)
        return due

    def forget(self, now: int) -> None:
        """Of those that ended, what has been remembered for long enough."""
        while self._to_forget and self._to_forget[0][0] <= now:
            _, task_id, key = self._to_forget.popleft()
            self.tasks.pop(task_id, None)
            self.by_key.pop(key, None)

    def tell(self, task_id: str, state: TaskStatus, now: int, tries: int) -> None:
        """A task's status changed."""
        self.changes.append(TaskChange(task_id=task_id, status=state, at=now / _MS, tries=tries))

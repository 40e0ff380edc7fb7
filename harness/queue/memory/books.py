"""The rules of a task's life in Python: what the scripts in `lua/` decide, step by step, and reply.

The rules stand twice because a script must be atomic on a server; tests/harness/queue/test_memory_model.py
plays the same steps on both and compares all that they keep. Pure: instants come as arguments, milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.queue.memory.claiming import Early, Ended, Free, Held, Over, Why, before_taking
from harness.queue.memory.entry import Entry
from harness.queue.memory.line import ORDER
from harness.queue.memory.shelf import Shelf
from harness.queue.steps import Argument, Step
from harness.queue.tasks import TaskStatus

PENDING, PROCESSING = TaskStatus.PENDING, TaskStatus.PROCESSING


class MemoryBooks:
    """The steps of a queue's tasks, on what is kept of them."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self._steps: dict[Step, Callable[..., Any]] = {
            "submit": self._submit,
            "claim": self._claim,
            "commit": self._commit,
            "put_back": self._put_back,
            "beat": self._beat,
            "sweep": self._sweep,
            "cancel": self._cancel,
            "redrive": self._redrive,
            "purge": self._purge,
            "metrics": self._metrics,
        }

    def step(self, step: Step, now_ms: int, arguments: tuple[Any, ...]) -> Any:
        """Take a step; what its script replies."""
        self.shelf.forget(now_ms)
        return self._steps[step](now_ms, *arguments)

    # The steps: arguments and replies are those of the scripts.

    def _submit(
        self,
        now: int,
        task_id: str,
        key: str,
        version: int,
        body: str,
        priority: str,
        delay: int,
        deadline: int,
        limit: int,
        _engine_data: str,
    ) -> list[Argument]:
        known = self.shelf.by_key.get(key)
        if known is not None:
            self.shelf.counts["repeated"] += known != task_id
            return ["known", known]
        if (waiting := self.shelf.depth) >= limit:
            self.shelf.counts["refused"] += 1
            return ["full", waiting, *self.shelf.completions(now)]
        if self.shelf.first_ms is None:
            self.shelf.first_ms = now
        not_before, deadline_at = now + delay if delay > 0 else 0, now + deadline if deadline > 0 else 0
        self.shelf.tasks[task_id] = Entry(version, body, key, str(priority), now, not_before, deadline_at)
        self.shelf.by_key[key] = task_id
        self.shelf.wait(task_id, now, now + delay)
        self.shelf.counts["submitted"] += 1
        return ["accepted", task_id]

    def _claim(
        self,
        now: int,
        task_id: str,
        worker: str,
        token: str,
        lease: int,
        known: int,
        most: int,
        keep: int,
        keep_dead: int,
        expired: str,
        lost: str,
        cancelled: str,
    ) -> list[Any]:
        task = self.shelf.tasks.get(task_id)
        if task is None:
            return ["unknown"]
        if task.v > known:
            return ["newer", str(task.v)]
        match before_taking(task, token, now, self.shelf.processing.get(task_id, 0), most):
            case Held(left_ms) | Early(left_ms) as found:
                return ["held" if isinstance(found, Held) else "early", left_ms]
            case Ended():
                return ["ended"]
            case Over(why, reclaimed):
                self.shelf.counts["reclaimed"] += reclaimed
                self.shelf.counts["expired"] += why is Why.EXPIRED
                document = {Why.EXPIRED: expired, Why.LOST: lost, Why.CANCELLED: cancelled}[why]
                dead = why is Why.LOST
                self.shelf.finish(task_id, TaskStatus.FAILED, document, now, keep, keep_dead, dead=dead)
                return ["ended"]
            case Free(reclaimed):
                self.shelf.counts["reclaimed"] += reclaimed
                self.shelf.take_up(task_id, task, worker, token, now)
        self.shelf.processing[task_id] = now + lease
        left = task.deadline_ms - now if task.deadline_ms > 0 else 0
        return ["taken", task.fence, task.tries, left, task.body, task.key, task.returns, task.attempts]

    def _commit(
        self,
        now: int,
        task_id: str,
        fence: int,
        token: str,
        state: str,
        document: str,
        dead: int,
        keep: int,
        keep_dead: int,
        attempts: int,
    ) -> str:
        task = self.shelf.tasks.get(task_id)
        mine = task is not None and task.held_by(fence, token)
        if task is not None and task.state.is_final and mine:
            return "done"
        if task is None or task.state is not PROCESSING or not mine:
            self.shelf.counts["commits_refused"] += 1
            return "refused"
        task.attempts += attempts
        self.shelf.finish(task_id, TaskStatus(state), document, now, keep, keep_dead, dead=dead == 1)
        return "done"

    def _put_back(
        self,
        now: int,
        task_id: str,
        fence: int,
        token: str,
        delay: int,
        free: int,
        words: str,
        attempts: int,
        keep: int,
        keep_dead: int,
        cancelled: str,
    ) -> list[str]:
        task = self.shelf.tasks.get(task_id)
        mine = task is not None and task.held_by(fence, token)
        if task is not None and task.state is PENDING and mine:
            return ["done"]
        if task is not None and task.state.is_final and mine:
            return ["ended"]
        if task is None or task.state is not PROCESSING or not mine:
            self.shelf.counts["returns_refused"] += 1
            return ["refused"]
        task.attempts += attempts
        if task.cancel:
            self.shelf.finish(task_id, TaskStatus.FAILED, cancelled, now, keep, keep_dead)
            return ["ended"]
        task.tries -= free == 1
        task.returns += 1
        task.state, task.not_before_ms, task.last_error = PENDING, now + delay, words
        del self.shelf.processing[task_id]
        self.shelf.book_pending(task_id, task)
        self.shelf.counts["returned"] += 1
        self.shelf.tell(task_id, PENDING, now, task.tries)
        return ["done"]

    def _beat(self, now: int, worker: str, lease: int, *jobs: Any) -> list[str]:
        self.shelf.workers[worker] = now + lease
        self.shelf.workers = {name: until for name, until in self.shelf.workers.items() if until > now}
        lost = []
        for task_id, fence in zip(jobs[::2], jobs[1::2], strict=True):
            task = self.shelf.tasks.get(task_id)
            if task is not None and task.state is PROCESSING and task.fence == fence:
                self.shelf.processing[task_id] = now + lease
            else:
                lost.append(task_id)
        return lost

    def _sweep(self, now: int, document: str, most: int, keep: int, keep_dead: int) -> int:
        due = self.shelf.due(now, most)
        for task_id in due:
            self.shelf.finish(task_id, TaskStatus.FAILED, document, now, keep, keep_dead)
            self.shelf.counts["expired"] += 1
        return len(due)

    def _cancel(self, now: int, task_id: str, document: str, keep: int, keep_dead: int) -> str:
        task = self.shelf.tasks.get(task_id)
        if task is None:
            return "unknown"
        if task.state.is_final:
            return "ended"
        self.shelf.counts["cancelled"] += 1
        if task.state is PENDING or self.shelf.processing.get(task_id, 0) <= now:
            self.shelf.line.forget(task_id, task.priority)
            self.shelf.finish(task_id, TaskStatus.FAILED, document, now, keep, keep_dead)
            return "cancelled"
        task.cancel = 1
        return "asked"

    def _redrive(self, now: int, limit: int, _engine_data: str, *task_ids: str) -> int:
        room, driven = limit - self.shelf.depth, 0
        for task_id in task_ids:
            if driven >= room or self.shelf.dead.pop(task_id, None) is None:
                continue
            task = self.shelf.tasks[task_id]
            if task.deadline_ms > 0:
                task.deadline_ms += now - task.submitted_ms
            task.state, task.tries, task.returns, task.not_before_ms = PENDING, 0, 0, 0
            task.submitted_ms = now
            task.result = task.finished_ms = task.cancel = None
            self.shelf.wait(task_id, now, now)
            self.shelf.counts["redriven"] += 1
            driven += 1
        return driven

    def _purge(self, _now: int, *task_ids: str) -> int:
        purged = [task_id for task_id in task_ids if self.shelf.dead.pop(task_id, None) is not None]
        for task_id in purged:
            del self.shelf.by_key[self.shelf.tasks.pop(task_id).key]
        return len(purged)

    def _metrics(self, now: int) -> list[Any]:
        depths = [len(self.shelf.pending[priority]) for priority in ORDER]
        delayed = sum(len(self.shelf.line.later(priority)) for priority in ORDER)
        oldest = min((at for waiting in self.shelf.pending.values() for at in waiting.values()), default=None)
        workers = sum(until >= now for until in self.shelf.workers.values())
        done, in_ms = self.shelf.completions(now)
        counts = [part for name, value in self.shelf.counts.items() if value for part in (name, str(value))]
        under_way, dead = len(self.shelf.processing), len(self.shelf.dead)
        since, closed = "" if oldest is None else str(oldest), 0  # nobody closes it
        return [str(now), depths, delayed, under_way, dead, workers, since, done, in_ms, closed, counts]

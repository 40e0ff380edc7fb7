"""What is kept of a task."""

from __future__ import annotations

from dataclasses import dataclass

from harness.queue.tasks import TaskStatus


@dataclass(slots=True)
class Entry:
    """A task; as the hash that the scripts keep. Instants are milliseconds, 0 where there is none."""

    v: int
    body: str | None
    key: str
    priority: str
    submitted_ms: int
    not_before_ms: int
    deadline_ms: int
    state: TaskStatus = TaskStatus.PENDING
    fence: int = 0
    tries: int = 0
    returns: int = 0
    attempts: int = 0
    token: str | None = None
    worker: str | None = None
    started_ms: int | None = None
    last_error: str | None = None
    result: str | None = None
    finished_ms: int | None = None
    cancel: int | None = None

    def held_by(self, fence: int, token: str) -> bool:
        """Whether this try of a worker is the one the task is held by, or was last."""
        return self.fence == fence and self.token == token

    def fields(self) -> dict[str, str]:
        """As the server would tell it, which `records` reads."""
        found = ((name, getattr(self, name)) for name in self.__slots__)
        return {name: str(value) for name, value in found if value is not None}

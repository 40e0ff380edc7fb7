"""What goes wrong with a queue.

HarnessError
└── QueueError             base of all of these
    ├── ServerUnreachable  no server answers at the address
    ├── ServerRefused      it answers and will not serve us: password, rights, a version too old
    ├── ServerFull         it refuses to write: disk full, or its memory is used up
    ├── StartError         the embedded server does not start
    ├── NewerVersion       a value was written by a newer version; it is left where it is
    ├── UnreadableValue    a value that no version wrote
    ├── QueueFull          too many tasks wait or run; says when to come back
    ├── QueueClosed        it is being drained and takes no tasks
    ├── UnknownTask        no task of that id is known, or no longer
    └── NotFinished        the task did not end within the time given
"""

from __future__ import annotations

from harness.errors import HarnessError


class QueueError(HarnessError):
    """Base of every error of the queue."""


class ServerUnreachable(QueueError):  # noqa: N818 - named for what it tells, as the harness's own are
    """No server answers at the address."""


class ServerRefused(QueueError):  # noqa: N818
    """The server answers and does not let us in, or is too old."""


class ServerFull(QueueError):  # noqa: N818
    """The server cannot write: its disk is full, or its memory is used up. What it holds is safe."""


class StartError(QueueError):
    """The embedded server does not start."""


class NewerVersion(QueueError):  # noqa: N818
    """A value was written by a newer version of this library. It is left where it is."""


class UnreadableValue(QueueError):  # noqa: N818
    """A value is there that no version of this library wrote."""


class QueueFull(QueueError):  # noqa: N818
    """As many tasks as may be there wait or run: `depth` of them. `wait_s` is about when those will have been
    served, at the rate of the last minute; None when too few were.
    """

    def __init__(self, name: str, depth: int, limit: int, wait_s: float | None) -> None:
        when = (
            "too few were completed in the last minute to tell for how long"
            if wait_s is None
            else f"about {wait_s:.0f} s of work"
        )
        super().__init__(f"queue {name!r} is full: {depth} tasks wait or run, at most {limit} may ({when})")
        self.depth = depth
        self.limit = limit
        self.wait_s = wait_s


class QueueClosed(QueueError):  # noqa: N818
    """The queue is being drained and takes no tasks."""


class UnknownTask(QueueError):  # noqa: N818
    """No task of that id is known; those that ended are forgotten after a while."""


class NotFinished(QueueError):  # noqa: N818
    """The task did not end within the time given. It goes on."""

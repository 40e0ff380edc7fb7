"""Every setting of a queue and its workers, validated when it is made."""

from __future__ import annotations

from dataclasses import dataclass

from harness.policy import checks
from harness.policy.config import Policy

#: Longest call of a policy without a deadline.
UNBOUNDED_CALL_S = 600.0

#: Beyond its call, what a worker does for a task: reading, deciding, committing.
OVERHEAD_S = 5.0

#: Jobs at once under a policy without a limit.
UNLIMITED_JOBS = 100

#: Fetched beyond what runs. They wait for a job to end, out of reach of other workers and of tasks of higher
#: priority that come meanwhile: as few as streaQ allows.
PREFETCH = 1

#: Signs of life within an idle timeout.
BEATS = 4

#: So many tasks past their deadline are ended at once, so often: other scripts wait meanwhile.
SWEEP = 200
SWEEP_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """`max_depth`: a task is refused while as many wait or run. `keep_s`: how long tasks that ended are
    remembered. `keep_dead`: at most so many dead letters; beyond it the oldest are remembered for `keep_s`
    only. `deadline_s`: of tasks that bring none; None leaves them without. `patience_s`: how long an
    operation waits for a server that does not answer. `poll_s`: how often waiters look for themselves,
    should a message be lost.
    """

    max_depth: int = 10_000
    keep_s: float = 3600.0
    keep_dead: int = 10_000
    deadline_s: float | None = 3600.0
    patience_s: float = 10.0
    poll_s: float = 5.0

    def __post_init__(self) -> None:
        checks.types(self, "queue")
        checks.at_least("queue.max_depth", self.max_depth, 1)
        checks.positive("queue.keep_s", self.keep_s)
        checks.at_least("queue.keep_dead", self.keep_dead, 0)
        checks.positive("queue.deadline_s", self.deadline_s)
        checks.at_least("queue.patience_s", self.patience_s, 0)
        checks.positive("queue.poll_s", self.poll_s)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """`concurrency`: jobs at once; None is as many as the policy can have under way or waiting (`jobs_of`).
    `tries`: how often a task is taken up before it is a dead letter. `retry_base_s`, `retry_cap_s`: the wait
    before a task is taken up again doubles from one to the other, and is drawn at random up to that.
    `idle_timeout_s`: a job whose worker was not heard of for so long is given to another; None is twice the
    longest job, see `idle_timeout_of`. `grace_s`: how long a worker told to stop may finish what it has; None
    is the longest job.
    """

    concurrency: int | None = None
    tries: int = 5
    retry_base_s: float = 2.0
    retry_cap_s: float = 60.0
    idle_timeout_s: float | None = None
    grace_s: float | None = None

    def __post_init__(self) -> None:
        checks.types(self, "worker")
        checks.at_least("worker.concurrency", self.concurrency, 1)
        checks.at_least("worker.tries", self.tries, 1)
        checks.positive("worker.retry_base_s", self.retry_base_s)
        checks.at_least("worker.retry_cap_s", self.retry_cap_s, self.retry_base_s)
        checks.positive("worker.idle_timeout_s", self.idle_timeout_s)
        checks.at_least("worker.grace_s", self.grace_s, 0)


def longest_job_s(policy: Policy) -> float:
    """The longest a job may take: its call's deadline, and what is around it."""
    return (policy.deadline_s or UNBOUNDED_CALL_S) + OVERHEAD_S


def idle_timeout_of(settings: WorkerSettings, policy: Policy) -> float:
    """Seconds without a sign of life after which a job is given to another worker.

    Twice the longest job: a worker that is cut off from the server while its job runs to the end is then not
    overtaken by another.
    """
    return settings.idle_timeout_s or 2 * longest_job_s(policy)


def grace_of(settings: WorkerSettings, policy: Policy) -> float:
    """Seconds a worker told to stop may finish what it has."""
    return longest_job_s(policy) if settings.grace_s is None else settings.grace_s


def jobs_of(settings: WorkerSettings, policy: Policy) -> int:
    """Jobs at once: never so many that the policy's own bound on waiting calls refuses some."""
    if settings.concurrency is not None:
        return settings.concurrency
    permits = policy.concurrency
    match permits.kind:
        case "off":
            return UNLIMITED_JOBS
        case "static":
            return permits.limit
        case "aimd":
            waiting = policy.admission.max_waiting
            return permits.max if waiting is None else min(permits.max, permits.min + waiting)

"""The queue between the callers and the API, as a spec has it: its [queue], and grid keys that begin so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.errors import ConfigError, expected, nearest
from harness.policy import checks
from harness.policy.parse import OFF
from harness.queue.settings import QueueSettings, WorkerSettings

#: How the keys of a [grid] or a [range] begin that are the queue's, not the policy's.
PREFIX = "queue."

MOST_WORKERS = 1000

#: Who submitted a task waits for it: nobody asks for what became of it a minute later.
KEEP_S = 60.0

#: Of a queue that a spec says nothing of: as `scenarios/queued.py` has it.
WORKERS, DRAIN_S = 2, 300.0

_OF_QUEUE = ("max_depth", "deadline_s")
_OF_WORKER = ("concurrency", "tries", "retry_base_s", "retry_cap_s")
KEYS = ("workers", "drain_s", *_OF_QUEUE, *_OF_WORKER)


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """A queue and its workers, over which the policy is divided. `drain_s`: the longest wait for tasks that
    are left after the last arrival; those still there are withdrawn.
    """

    workers: int
    drain_s: float
    queue: QueueSettings
    worker: WorkerSettings

    def document(self) -> dict[str, Any]:
        """Whatever of it a result depends on."""
        return asdict(self)


def queue_plan(table: Mapping[str, Any] | None, settings: Mapping[str, Any]) -> QueuePlan | None:
    """The plan of a [queue] with dotted keys laid over it; None without one, or where `workers` is "off".

    Raises ConfigError that names the key.
    """
    own = {key.removeprefix(PREFIX): value for key, value in settings.items() if key.startswith(PREFIX)}
    if table is None and not own:
        return None
    found = {**(table or {}), **own}
    for key in found:
        if key not in KEYS:
            raise ConfigError(f"queue: unknown key {key!r}{nearest(key, list(KEYS))}")
    workers, drain_s = found.pop("workers", WORKERS), found.pop("drain_s", DRAIN_S)
    plan = QueuePlan(
        1 if workers == OFF else _workers(workers), _drain_s(drain_s), _queue(found), _worker(found)
    )
    return None if workers == OFF else plan


def is_queues(key: str) -> bool:
    """Whether a dotted key is the queue's."""
    return key.startswith(PREFIX)


def today(table: Mapping[str, Any] | None, key: str) -> Any:
    """What one of the queue's dotted keys is in a spec's own [queue], as a spec would write it."""
    plan = queue_plan(table, {})
    if plan is None:
        return OFF
    name = key.removeprefix(PREFIX)
    homes = (plan.queue if name in _OF_QUEUE else plan.worker if name in _OF_WORKER else plan,)
    value = getattr(homes[0], name)
    return OFF if value is None else value


def _workers(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MOST_WORKERS:
        raise expected("queue.workers", value, f'a whole number from 1 to {MOST_WORKERS}, or "{OFF}"')
    return value


def _drain_s(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise expected("queue.drain_s", value, "a number")
    checks.at_least("queue.drain_s", value, 0)
    return float(value)


def _queue(found: Mapping[str, Any]) -> QueueSettings:
    return QueueSettings(keep_s=KEEP_S, **_some(found, _OF_QUEUE))


def _worker(found: Mapping[str, Any]) -> WorkerSettings:
    try:
        return WorkerSettings(**_some(found, _OF_WORKER))
    except ConfigError as error:
        raise ConfigError(str(error).replace("worker.", PREFIX)) from error


def _some(found: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Some of the keys; "off" is None where the setting may be that."""
    return {key: None if found[key] == OFF else found[key] for key in keys if key in found}

"""Divide a run's limits over its load processes: a policy is per process, a scenario's limits are the run's."""

from __future__ import annotations

from dataclasses import replace

from harness.errors import ConfigError
from harness.policy.config import Policy


def share(total: int, index: int, workers: int) -> int:
    """The part of worker `index`: parts differ by at most one and add up to `total`."""
    return total // workers + (index < total % workers)


def split(policy: Policy, index: int, workers: int) -> Policy:
    """The policy of one worker. Raises ConfigError when a worker would get no permit or connection."""
    if workers == 1:
        return policy
    permits, connections = policy.concurrency, policy.connections
    if permits.kind == "static" and permits.limit < workers:
        raise ConfigError(f"concurrency.limit = {permits.limit}: expected at least one for each of {workers} workers")
    if connections.max < workers:
        raise ConfigError(f"connections.max = {connections.max}: expected at least one for each of {workers} workers")
    waiting = policy.admission.max_waiting
    return replace(
        policy,
        concurrency=replace(permits, limit=share(permits.limit, index, workers)),
        connections=replace(
            connections,
            keepalive=share(connections.keepalive, index, workers),
            max=share(connections.max, index, workers),
        ),
        admission=replace(
            policy.admission, max_waiting=None if waiting is None else share(waiting, index, workers)
        ),
        budget=replace(
            policy.budget,
            min_per_s=policy.budget.min_per_s / workers,
            cap=max(1.0, policy.budget.cap / workers),
        ),
    )

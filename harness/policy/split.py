"""Divide a run's limits over its processes: a policy is per process, a scenario's limits are the run's."""

from __future__ import annotations

from dataclasses import replace

from harness.errors import expected
from harness.policy.config import Policy


def share(total: int, index: int, workers: int) -> int:
    """The part of worker `index`: parts differ by at most one and add up to `total`."""
    return total // workers + (index < total % workers)


def split(policy: Policy, index: int, workers: int) -> Policy:
    """The policy of one worker. Raises ConfigError when a worker would get no permit or connection."""
    if workers == 1:
        return policy
    permits, connections = policy.concurrency, policy.connections
    enough = f"at least one for each of {workers} workers"
    if permits.kind == "static" and permits.limit < workers:
        raise expected("concurrency.limit", permits.limit, enough)
    if connections.max < workers:
        raise expected("connections.max", connections.max, enough)
    waiting = policy.admission.max_waiting
    return replace(
        policy,
        concurrency=replace(permits, limit=share(permits.limit, index, workers))
        if permits.kind == "static"
        else permits,
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

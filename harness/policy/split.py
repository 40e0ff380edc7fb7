"""Divide a run's limits over its processes: a policy is per process, a scenario's limits are the run's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.errors import expected
from harness.policy.config import ConcurrencyConfig, ConnectionsConfig, Policy, RateConfig

#: The share of a setting of this name and value.
_Part = Callable[[str, int], int]


def share(total: int, index: int, workers: int) -> int:
    """The part of worker `index`: parts differ by at most one and add up to `total`."""
    return total // workers + (index < total % workers)


def split(policy: Policy, index: int, workers: int) -> Policy:
    """The policy of one worker. Raises ConfigError when a worker would get none of something it needs."""
    if workers == 1:
        return policy

    def part(field: str, total: int) -> int:
        if total < workers:
            raise expected(field, total, f"at least one for each of {workers} workers")
        return share(total, index, workers)

    waiting = policy.admission.max_waiting
    return replace(
        policy,
        rate=_rate(policy.rate, part),
        concurrency=_concurrency(policy.concurrency, part),
        connections=_connections(
            policy.connections, part, share(policy.connections.keepalive, index, workers)
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


def _rate(rate: RateConfig, part: _Part) -> RateConfig:
    """A limit that is not set is the API's: every worker learns it, and of the others, from its headers."""
    return replace(
        rate,
        rpm=None if rate.rpm is None else part("rate.rpm", rate.rpm),
        tpm=None if rate.tpm is None else part("rate.tpm", rate.tpm),
    )


def _concurrency(permits: ConcurrencyConfig, part: _Part) -> ConcurrencyConfig:
    match permits.kind:
        case "static":
            return replace(permits, limit=part("concurrency.limit", permits.limit))
        case "aimd":
            return replace(
                permits,
                initial=part("concurrency.initial", permits.initial),
                min=part("concurrency.min", permits.min),
                max=part("concurrency.max", permits.max),
            )
        case "off":
            return permits


def _connections(connections: ConnectionsConfig, part: _Part, keepalive: int) -> ConnectionsConfig:
    return replace(connections, keepalive=keepalive, max=part("connections.max", connections.max))

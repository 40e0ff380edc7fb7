"""Every transport there is, each under a client without policies: what the contract tests run through."""

from __future__ import annotations

from dataclasses import replace

from harness import Attempt, AttemptFinished, ResilientClient
from harness.policy.config import ConnectionsConfig, Policy
from harness.policy.presets import NAIVE
from harness.transport import fast, httpx_transport
from harness.transport.base import Transport

BACKENDS = ("httpx", "aiohttp", "fast")


def make_transport(backend: str, connections: ConnectionsConfig) -> Transport:
    """The transport of that name."""
    if backend == "fast":
        return fast.build(connections)
    return httpx_transport.build(replace(connections, pool="httpx" if backend == "httpx" else "aiohttp"))


def backend_client(
    backend: str,
    url: str,
    seen: list[Attempt],
    connections: ConnectionsConfig,
    policy: Policy = NAIVE,
    *,
    transport: Transport | None = None,
) -> ResilientClient:
    """A client on that transport, or on one in its place; its attempts are gathered in `seen`."""
    listeners = [lambda event: seen.append(event.attempt) if isinstance(event, AttemptFinished) else None]
    return ResilientClient(
        url,
        "sk-test",
        policy=replace(policy, connections=connections),
        transport=transport or make_transport(backend, connections),
        listeners=listeners,
    )

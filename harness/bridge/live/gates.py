"""How a process's client stands: read on the hub from plain attributes of what lives on the loop."""

from __future__ import annotations

from harness.client import ResilientClient
from harness.play.pulse import Gate


def gates_of(caller: object) -> list[Gate]:
    """A gate a route; none of what is no client, as where a queue's workers have the clients."""
    if not isinstance(caller, ResilientClient):
        return []
    return [
        Gate(
            leases.breaker.state.value,
            leases.gate.limit,
            leases.gate.held,
            leases.gate.waiting,
        )
        for leases in (route.pipeline.leases for route in caller.routes)
    ]

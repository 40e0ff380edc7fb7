"""Load processes that call the API themselves, each through a client with its share of the policy."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Literal

from harness.bridge.architecture import Caller, Part
from harness.bridge.options import Settings
from harness.bridge.target import Target
from harness.client import ResilientClient
from harness.play.offer import policy_document
from harness.play.player import DRAIN_S
from harness.policy.split import split
from harness.rng import stream
from harness.spending.terms import Terms
from harness.transport import fast, httpx_transport
from harness.transport.base import Transport
from harness.transport.budgeted import BudgetedTransport


class Direct:
    """No one in between."""

    name: Literal["direct"] = "direct"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """None."""

    def check(self, options: Namespace, settings: Settings, processes: int) -> None:
        """Each process must get something of every limit."""
        del options
        for index in range(processes):
            split(settings.policy, index, processes)

    def policy(self, options: Namespace, settings: Settings, processes: int) -> dict[str, Any]:
        """Divided over the load processes."""
        del options
        return policy_document(settings.policy, processes)

    def document(self, options: Namespace, run: str, processes: int) -> None:
        """There is no queue."""

    def drain_s(self, options: Namespace) -> float:
        """The player's own."""
        del options
        return DRAIN_S

    def out_of_reach(self, options: Namespace) -> str:
        """Nothing that is in between."""
        del options
        return ""

    def crew(
        self,
        options: Namespace,
        settings: Settings,
        folder: Path,
        target: Target,
        processes: int,
        terms: Terms | None,
    ) -> None:
        """Nothing is started."""

    def caller(self, part: Part) -> Caller:
        """The process's client."""
        settings, target = part.settings, part.target
        policy = split(settings.policy, part.index, len(part.plan.workers))
        build = fast.build if settings.transport == "fast" else httpx_transport.build
        transport: Transport = build(policy.connections)
        if part.till is not None:
            transport = BudgetedTransport(transport, part.till)
        return ResilientClient(
            target.base_url,
            target.key,
            wire=target.wire,
            model=target.model,
            policy=policy,
            transport=transport,
            listeners=[part.emit],
            send_ids=target.bundled,
            rng=stream(settings.seed, "jitter", part.index),
        )

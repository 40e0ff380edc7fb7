"""Load processes that call the API themselves, each through a client with its share of the policy."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from harness.bridge.architecture import Caller, Part
from harness.bridge.options import Settings, api_key, base_url
from harness.client import ResilientClient
from harness.play.offer import policy_document
from harness.play.player import DRAIN_S
from harness.policy.split import share, split
from harness.rng import stream
from harness.transport import fast, httpx_transport
from harness.transport.base import Transport
from harness.transport.budgeted import BudgetedTransport

logger = logging.getLogger(__name__)


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

    def crew(
        self,
        options: Namespace,
        settings: Settings,
        folder: Path,
        host: str,
        processes: int,
        *,
        bundled: bool,
    ) -> None:
        """Nothing is started."""

    def caller(self, part: Part) -> Caller:
        """The process's client."""
        settings, plan, index = part.settings, part.plan, part.index
        processes = len(plan.workers)
        policy = split(settings.policy, index, processes)
        build = fast.build if settings.transport == "fast" else httpx_transport.build
        transport: Transport = build(policy.connections)
        if settings.max_requests is not None:
            most = share(settings.max_requests, index, processes)
            transport = BudgetedTransport(transport, most, partial(_spent, part, most))
        return ResilientClient(
            base_url(plan.host),
            api_key(plan.host, bundled=plan.bundled),
            policy=policy,
            transport=transport,
            listeners=[part.emit],
            send_ids=plan.bundled,
            rng=stream(settings.seed, "jitter", index),
        )


def _spent(part: Part, most: int) -> None:
    """On the loop: all this process may send has been sent."""
    logger.warning("stopping: the %d requests of --max-requests are used up", most)
    part.stop(DRAIN_S)

"""How a scenario's calls reach the API: from the load processes themselves, or through something between."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from harness.bridge.options import Settings
from harness.bridge.plan import Plan
from harness.bridge.target import Target
from harness.client.client import DEFAULT_MAX_TOKENS
from harness.client.messages import COPYWRITER
from harness.model import Event, Reply
from harness.spending.amount import Amount
from harness.spending.terms import Terms
from harness.transport.till import Till


@dataclass(frozen=True, slots=True)
class Part:
    """What a load process knows of its part of a run when it makes its caller.

    `emit` takes the events of calls, `note(at_ns, name, value)` a row of the events table, `stop(grace_s)`
    ends the arrivals; all on the event loop. `till` is where its requests are paid, if the run has a budget.
    """

    plan: Plan
    index: int
    settings: Settings
    options: Namespace
    emit: Callable[[Event], None]
    note: Callable[[int, str, float], None]
    stop: Callable[[float], None]
    till: Till | None = None

    @property
    def target(self) -> Target:
        """The API of the run."""
        return self.settings.target(self.plan.host, bundled=self.plan.bundled)


class Caller(Protocol):
    """What a load process makes its calls with: opened before the first, closed after the last."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    async def generate_copy(
        self,
        prompt: str,
        model: str | None = None,
        max_tokens: int | None = DEFAULT_MAX_TOKENS,
        *,
        system: str | None = COPYWRITER,
    ) -> Reply:
        """One piece of copy. Raises the CallError of its outcome."""


class Crew(Protocol):
    """What stands between the load processes and the API, for one run."""

    lost: dict[int, str]
    exhausted: bool

    @property
    def working(self) -> int:
        """How many of its processes do their work."""

    def start(self) -> None:
        """Bring it up. Raises HarnessError."""

    def go(self, started_unix_ns: int) -> None:
        """The run's zero is known."""

    def look(self) -> None:
        """See which of its processes have ended."""

    def stop(self) -> None:
        """End it, after the last call."""

    def spending(self) -> tuple[Amount, Amount]:
        """What its processes have spent, and what of it lost ones did not account for; once it is stopped."""


class Architecture(Protocol):
    """One of the two."""

    @property
    def name(self) -> Literal["direct", "queued"]:
        """As the manifest has it."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Its own options."""

    def check(self, options: Namespace, settings: Settings, processes: int) -> None:
        """Refuse before anything runs what cannot be done. Raises ConfigError."""

    def policy(self, options: Namespace, settings: Settings, processes: int) -> dict[str, Any]:
        """The manifest's `policy`."""

    def document(self, options: Namespace, run: str, processes: int) -> dict[str, Any] | None:
        """The manifest's `queue`."""

    def drain_s(self, options: Namespace) -> float:
        """The longest that calls under way may take after the last arrival."""

    def out_of_reach(self, options: Namespace) -> str:
        """What load processes on other hosts would not reach, and what to do; empty where there is none."""

    def crew(
        self,
        options: Namespace,
        settings: Settings,
        folder: Path,
        target: Target,
        processes: int,
        terms: Terms | None,
    ) -> Crew | None:
        """What is to be started for a run; None where nothing stands between, and the load processes pay."""

    def caller(self, part: Part) -> Caller:
        """What a load process calls with."""

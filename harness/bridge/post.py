"""What every process of a run has, whatever its role: an event loop, and the session of the run under way."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from harness.bridge.architecture import Architecture
from harness.bridge.loop_thread import LoopThread
from harness.bridge.options import Settings, settings_from
from harness.bridge.plan import Plan
from harness.bridge.session import HURRY_S, PATIENCE, Session
from harness.bridge.sources import Source
from harness.bridge.wires import Wires
from harness.errors import HarnessError
from harness.play.offer import Offer
from harness.policy.config import Policy
from harness.spending.treasury import Grant


class Post:
    """Where one process plays its share of one run after the other."""

    def __init__(self, environment: Any, source: Source, architecture: Architecture) -> None:
        self.session: Session | None = None
        self._before: Session | None = None
        self._environment = environment
        self._source = source
        self._architecture = architecture
        self._thread: LoopThread | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is played: no run, or one that is through here."""
        return self.session is None or self.session.tally.finished

    def asked_for(self, policy: Policy | None = None) -> tuple[Namespace, Settings, Offer]:
        """What the options ask for now, since the web UI may have changed them; of policies, this one.

        Raises ConfigError.
        """
        options = self._environment.parsed_options
        settings = settings_from(options, policy)
        return options, settings, self._source.offer(options, settings.seed)

    def clear(self) -> None:
        """Let go of the run before. Raises HarnessError while that still ends: it may send."""
        self._before, self.session = self.session or self._before, None
        if self._before is not None and not self._before.over:
            raise HarnessError("the run before is still ending here: wait, and begin again")
        self._before = None

    def begin(self, plan: Plan, index: int, settings: Settings, offer: Offer, wires: Wires) -> None:
        """Play share `index` of the plan. Raises HarnessError when it cannot begin here."""
        if self._thread is None:
            self._thread = LoopThread()
        self.session = Session(
            self._environment,
            self._thread,
            plan,
            index,
            settings,
            offer,
            self._architecture,
            wires,
        )

    def take(self, grant: Grant) -> None:
        """More of the budget, or the word that there is none."""
        if self.session is not None:
            self.session.take(grant)

    def note(self, name: str, text: str, value: float) -> None:
        """A row of the run's events table, as of now."""
        if self.session is not None and not self.session.tally.finished:
            self.session.note(name, text, value)

    def stop(self, grace_s: float, *, left: bool = False) -> None:
        """No more arrivals; `left` says that this process goes by itself, before the run's end."""
        if self.session is not None and not self.session.tally.finished:
            self.session.tally.left = left
            self.session.stop(grace_s)

    def wait(self) -> None:
        """Wait until everything is drained and written, as long as that may take."""
        if self.session is not None:
            self.session.wait(HURRY_S * PATIENCE)

    def close(self) -> None:
        """End the loop: the interpreter would hang on it."""
        if self._thread is not None:
            self._thread.stop()

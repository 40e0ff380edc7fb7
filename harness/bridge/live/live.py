"""The live page's side of a process with a web UI: it hears the workers' pulses and answers the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from harness.bridge.conductor import Conductor
from harness.bridge.live import document
from harness.bridge.live.document import Phase
from harness.bridge.live.faults import Order
from harness.bridge.live.view import View
from harness.clock import wall_ns
from harness.errors import ConfigError
from harness.play.pulse import Pulse
from harness.units import NS


class Faulty(Protocol):
    """The bundled mock server, as far as the panel needs it."""

    def inject(self, order: dict[str, Any]) -> None:
        """One more fault from now on. Raises HarnessError."""

    def clear(self) -> None:
        """No injected fault any more. Raises HarnessError."""


class Live:
    """One run after the other, as the page sees them. To be used on the hub.

    `note(name, text, value)` puts a row into the run's events table.
    """

    def __init__(self, note: Callable[[str, str, float], None]) -> None:
        self._note = note
        self._conductor: Conductor | None = None
        self._view = View(0)
        self._about: dict[str, Any] = {}
        self._problem: str | None = None
        self._ended_ns: int | None = None
        self._reported = False
        self._mock: Faulty | None = None
        self._injected: list[tuple[Order, int]] = []

    def begin(self, conductor: Conductor, mock: Faulty | None) -> None:
        """A run has its folder and its plan."""
        self._conductor, self._mock = conductor, mock
        self._view = View(len(conductor.plan.workers))
        self._about = document.about_run(conductor.folder, conductor.plan.until_ns / NS)
        self._problem, self._ended_ns, self._reported = None, None, False
        self._injected.clear()

    def fail(self, why: str) -> None:
        """A run could not begin."""
        self._problem = why

    def hear(self, worker: str, pulse: Pulse) -> None:
        """A worker's pulse has come; of one that plays no part in this run, nothing."""
        if self._conductor is not None and worker in self._conductor.plan.workers:
            # Another host's clock may be ahead: what has happened has happened by now.
            pulse.second = min(pulse.second, max(0, int(self._elapsed_s)))
            self._view.add(self._conductor.plan.workers.index(worker), pulse, wall_ns())

    def end(self) -> None:
        """The run is over: its clock stands still."""
        self._ended_ns = wall_ns()

    def reported(self) -> None:
        """The run's report is there."""
        self._reported = True

    @property
    def report(self) -> Path | None:
        """The finished report of the last run."""
        if self._conductor is None or not self._reported:
            return None
        path = self._conductor.folder / "report.html"
        return path if path.is_file() else None

    def inject(self, order: Order) -> None:
        """A fault of the panel, now. Raises HarnessError."""
        self._faulty().inject(order.document)
        self._injected.append((order, wall_ns() + round(order.seconds * NS)))
        self._note("fault", order.name, order.seconds)
        self._view.happen(self._elapsed_s, "fault", name=order.name, seconds=order.seconds)

    def clear(self) -> None:
        """End the faults of the panel. Raises HarnessError."""
        self._faulty().clear()
        self._injected.clear()
        self._note("fault", "", 0.0)
        self._view.happen(self._elapsed_s, "clear")

    def state(self, known: str, since: int, width_s: int) -> dict[str, Any]:
        """What the page does not know yet: it has `since` bins, each of `width_s`, of the run `known`."""
        conductor = self._conductor
        if conductor is None:
            return {"phase": "failed" if self._problem else "ready", "problem": self._problem}
        view, name = self._view, conductor.folder.name
        if known != name or width_s != view.width_s:
            since = 0
        lost = conductor.roll.lost
        return {
            "phase": self._phase(conductor),
            "problem": self._problem,
            "run": name,
            "about": self._about if known != name else None,
            **document.course(view, since, self._elapsed_s, frozenset(lost), self._over_s(conductor)),
            "workers": document.workers(view, wall_ns(), lost),
            "faults": None if self._mock is None else self._in_force(),
            "degraded": conductor.degraded if self._reported else [],
            "report": self.report is not None,
            "spent": None if conductor.cashier is None else asdict(conductor.cashier.spent),
        }

    def _in_force(self) -> list[dict[str, Any]]:
        now_ns = wall_ns()
        self._injected = [(order, until_ns) for order, until_ns in self._injected if until_ns > now_ns]
        return [
            {"name": order.name, "left_s": round((until_ns - now_ns) / NS, 1)}
            for order, until_ns in self._injected
        ]

    @property
    def _elapsed_s(self) -> float:
        if self._conductor is None:
            return 0.0
        until_ns = wall_ns() if self._ended_ns is None else self._ended_ns
        return (until_ns - self._conductor.plan.started_unix_ns) / NS

    def _over_s(self, conductor: Conductor) -> float | None:
        """How long calls arrived in a run that is over."""
        if not conductor.ending:
            return None
        return conductor.roll.total.arrivals_end_ns / NS

    def _phase(self, conductor: Conductor) -> Phase:
        if self._problem is not None:
            return "failed"
        if self._reported:
            return "finished"
        if conductor.ending:
            return "reporting"
        if self._elapsed_s < 0:
            return "waiting"
        over = conductor.stopped or self._elapsed_s * NS > conductor.plan.until_ns
        return "draining" if over else "playing"

    def _faulty(self) -> Faulty:
        if self._conductor is None or self._conductor.ending:
            raise ConfigError("no run is under way: start one, then inject a fault into it")
        if self._mock is None:
            raise ConfigError("faults can be injected into the bundled mock server only")
        return self._mock

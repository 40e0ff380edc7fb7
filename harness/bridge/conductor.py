"""The run as a whole: its folder, its workers, its ending and its report. On the master, or alone."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import gevent

from harness import terminal
from harness.bridge.admission import Admitted
from harness.bridge.architecture import Architecture
from harness.bridge.cashier import Cashier, budget_document, spent_document
from harness.bridge.mock_process import MockProcess
from harness.bridge.options import Settings
from harness.bridge.plan import Plan
from harness.bridge.progress import Progress
from harness.bridge.roll import Roll
from harness.bridge.session import HURRY_S, PATIENCE
from harness.clock import wall_ns
from harness.play.offer import Offer, schedule_document
from harness.play.tally import Tally
from harness.policy.parse import values
from harness.record import folder as run_folder
from harness.units import NS

#: From the start of a test to the first instant of its schedule: longer, where other processes have to begin.
LEAD_S = 0.5
LEAD_DISTRIBUTED_S = 1.5

#: Options of Locust and ours that a manifest repeats, if they were set.
TOLD = (
    "processes",
    "run_time",
    "num_users",
    "max_usd",
    "max_requests",
    "max_tokens",
    "prices",
    "tags",
    "exclude_tags",
)

REPORT_S = 120.0

logger = logging.getLogger(__name__)


class Conductor:
    """One run, from its folder to its report. Raises HarnessError when it cannot begin."""

    def __init__(
        self,
        scenario: str,
        settings: Settings,
        offer: Offer,
        admitted: Admitted,
        workers: list[str],
        mock: MockProcess | None,
        options: Namespace,
        architecture: Architecture,
        *,
        live: bool = False,
    ) -> None:
        self.settings = settings
        self.architecture = architecture
        self.offer = offer
        self._stopped_ns: int | None = None
        self.ending = False
        self.text = ""
        self.degraded = ["the run did not end properly"]
        self._mock = mock
        self._live = live
        architecture.check(options, settings, len(workers))  # refuse now what a worker would refuse later
        if mock is not None:
            mock.prepare(settings.mock_profile, settings.seed, _text(offer.window), offer.length_s)
        alone = len(workers) == 1 and architecture.name == "direct"
        lead_ns = round((LEAD_S if alone else LEAD_DISTRIBUTED_S) * NS)
        self.folder = run_folder.create(settings.run_dir, scenario, settings.policy.name, wall_ns() + lead_ns)
        self.roll = Roll(workers, self.folder)
        self._admitted = admitted
        terms = None if admitted.terms is None else admitted.terms.less(admitted.trial)
        self.crew = architecture.crew(options, settings, self.folder, admitted.target, len(workers), terms)
        #: Of a run whose load processes pay out of one budget.
        self.cashier: Cashier | None = None
        if admitted.terms is not None and self.crew is None:
            self.cashier = Cashier(admitted.terms, workers, admitted.trial)
        try:
            if self.crew is not None:
                self.crew.start()
            self._fix(wall_ns() + lead_ns, workers, scenario, options)
        except BaseException:
            if self.crew is not None:
                self.crew.stop()
            raise

    def _fix(self, started_ns: int, workers: list[str], scenario: str, options: Namespace) -> None:
        """Fix the run's zero: the plan, the manifest, and everybody's clock."""
        offer, mock, cashier = self.offer, self._mock, self.cashier
        until_s = min(offer.length_s, self.settings.run_time_s or offer.length_s)
        self.plan = Plan(
            run=self.folder.name,
            folder=str(self.folder.resolve()),
            started_unix_ns=started_ns,
            host=self._admitted.target.host,
            workers=workers,
            until_ns=round(until_s * NS),
            bundled=mock is not None,
            drain_s=self.architecture.drain_s(options),
            policy=values(self.settings.policy),
            offer=offer.digest,
            live=self._live,
            terms=None if cashier is None else cashier.terms.message(),
            portions={} if cashier is None else cashier.first,
        )
        run_folder.write_manifest(self.folder, self._manifest(scenario, options))
        if self.crew is not None:
            self.crew.go(started_ns)
        if mock is not None:
            mock.align(-(started_ns - wall_ns()) / NS)
        self._progress = Progress(offer.window, until_s)

    @property
    def finished(self) -> bool:
        """Whether every worker that is still there has drained, and its records are here."""
        return self.roll.finished

    @property
    def overdue(self) -> bool:
        """Whether some worker should have been done long ago: it is not waited for any more."""
        now_ns = wall_ns()
        if self._stopped_ns is not None:
            return now_ns > self._stopped_ns + PATIENCE * HURRY_S * NS
        return now_ns > self.plan.started_unix_ns + self.plan.until_ns + PATIENCE * self.plan.drain_s * NS

    @property
    def stopped(self) -> bool:
        """Whether somebody asked for the end."""
        return self._stopped_ns is not None

    def stop(self) -> None:
        """Note that somebody asked for the end."""
        if not self.stopped and not self.finished:
            self._stopped_ns = wall_ns()

    def show(self) -> None:
        """Print the progress line."""
        spent = "" if self.cashier is None else self.cashier.said
        self._progress.show(self.roll.total, wall_ns() - self.plan.started_unix_ns, spent)
        if self.finished or self.overdue:
            self._progress.end()  # what Locust says next begins a line

    def look(self) -> bool:
        """See to what stands between load and API; whether it can serve no more."""
        if self.crew is None or self.ending:
            return False
        self.crew.look()
        return self.crew.exhausted or not self.crew.working

    def hear(self, worker: str, tally: Tally) -> None:
        """A worker tells how far it is."""
        self.roll.hear(worker, tally)
        if self.cashier is not None:
            self.cashier.hear(worker, tally)

    def wait(self) -> None:
        """Wait for a stop that was asked for to be carried out."""
        while not self.finished and not self.overdue:
            gevent.sleep(0.05)

    def end(self) -> None:
        """Write the ending, make the summary and the report; what fails degrades the run."""
        self._progress.end()
        self.roll.close(stopped=self.stopped)
        if self.crew is not None:
            self.crew.stop()
        try:
            run_folder.write_ending(self.folder, self._ending())
            if self._mock is not None:
                self._mock.save_log(self.folder)
            self._report()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self.text = f"{self.folder}: the run could not be ended properly: {error}"
            logger.error(self.text)  # noqa: TRY400 - a full disk is no bug

    def _ending(self) -> run_folder.Ending:
        ends_ns = self.roll.total.arrivals_end_ns or self._meant_to_end_ns()  # no worker is left to say
        degraded = self.roll.degraded()
        if self.crew is not None:
            degraded += [f"queue worker {n} was lost: {why}" for n, why in self.crew.lost.items()]
        return run_folder.Ending(
            reason="stopped" if self.stopped else "completed",
            arrivals_end_ns=ends_ns,
            end_ns=wall_ns() - self.plan.started_unix_ns,
            scheduled=self.roll.scheduled(self.offer.schedule, ends_ns),
            recorded=self.roll.recorded(),
            degraded=degraded,
            elsewhere=self.roll.elsewhere(),
            spent=self._spent(),
        )

    def _spent(self) -> dict[str, Any] | None:
        """What became of the budget; of a lost worker, all it had been given is supposed to be spent."""
        terms, trial = self._admitted.terms, self._admitted.trial
        if self.cashier is not None:
            self.cashier.close()
            return self.cashier.document()
        if terms is None or self.crew is None:
            return None
        spent, forfeited = self.crew.spending()
        return spent_document(terms, spent + trial, forfeited, trial, exhausted=self.crew.exhausted)

    def _meant_to_end_ns(self) -> int:
        """When arrivals were to stop, from the start: as planned, or when somebody asked for it."""
        if self._stopped_ns is None:
            return self.plan.until_ns
        return min(max(0, self._stopped_ns - self.plan.started_unix_ns), self.plan.until_ns)

    def _manifest(self, scenario: str, options: Namespace) -> run_folder.Manifest:
        settings, offer = self.settings, self.offer
        return run_folder.Manifest(
            run=self.folder.name,
            scenario=scenario,
            started_unix_ns=self.plan.started_unix_ns,
            seed=settings.seed,
            workers=len(self.plan.workers),
            policy=self.architecture.policy(options, settings, len(self.plan.workers)),
            schedule=schedule_document(scenario, offer),
            target=self._admitted.target.document(settings.mock_profile),
            budget=None if self._admitted.terms is None else budget_document(self._admitted.terms),
            generator={"transport": settings.transport, "stream": settings.stream},
            options={k: v for k in TOLD if (v := getattr(options, k, None))},
            architecture=self.architecture.name,
            queue=self.architecture.document(options, self.folder.name, len(self.plan.workers)),
        )

    def _report(self) -> None:
        """Start `reports` as a child process: scenarios do not import it."""
        prices = ["--prices", self.settings.prices] if self.settings.prices else []
        made, self.text = _reports("summarise", self.folder, "--html", *prices)
        if made:
            document = json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))
            self.degraded = list(document["degraded"])


def _reports(verb: str, folder: Path, *options: str) -> tuple[bool, str]:
    """Whether it went well, and what it printed."""
    command = [sys.executable, "-m", "reports", verb, str(folder), *options]
    done = subprocess.run(  # noqa: S603 - our own module
        command,
        capture_output=True,
        text=True,
        timeout=REPORT_S,
        check=False,
        start_new_session=True,  # a Ctrl-C in the terminal is not for the report
        env={**os.environ, "COLUMNS": str(terminal.columns())},
    )
    # Of one that went well, standard error has how far it was in between.
    return done.returncode == 0, (done.stdout + ("" if done.returncode == 0 else done.stderr)).rstrip()


def _text(window: object) -> str | None:
    return None if window is None else str(window)

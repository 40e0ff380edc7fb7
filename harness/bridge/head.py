"""The process that leads a run: the master of a distributed one, or the only one there is."""

from __future__ import annotations

import atexit
import logging
import signal
import sys
from argparse import Namespace
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any

import gevent
from locust.runners import LocalRunner, MasterRunner

from harness import terminal
from harness.bridge import exits, preflight
from harness.bridge.admission import Admission
from harness.bridge.architecture import Architecture
from harness.bridge.conductor import Conductor
from harness.bridge.intake import Intake
from harness.bridge.interrupt import OnInterrupt
from harness.bridge.live.desk import Desk
from harness.bridge.messages import STOP
from harness.bridge.mock_process import MockProcess
from harness.bridge.options import Settings, is_closed, settings_from
from harness.bridge.post import Post
from harness.bridge.session import HURRY_S
from harness.bridge.shape import ClosedShape, PlayShape
from harness.bridge.sources import Source
from harness.bridge.wires import Wires
from harness.command_line import complain
from harness.errors import ConfigError, HarnessError
from harness.play.offer import Offer
from harness.play.pulse import Pulse
from harness.play.tally import Tally
from harness.spending.treasury import Ask
from harness.wire.address import LOOPBACK

logger = logging.getLogger(__name__)


class Head:
    """The role of a master, and of a runner without workers, which plays the one share itself."""

    def __init__(self, environment: Any, source: Source, architecture: Architecture) -> None:
        self.post = Post(environment, source, architecture)
        self.over = False
        options = environment.parsed_options
        self._admission = Admission(
            allowed=options.allow_real_target, yes=options.yes, web_ui=environment.web_ui is not None
        )
        self._environment = environment
        self._runner = environment.runner
        self._source = source
        self._architecture = architecture
        self._conductor: Conductor | None = None
        self._intake: Intake | None = None
        self._mock: MockProcess | None = None
        self._ending: gevent.Greenlet | None = None
        self._failed = False
        self._desk: Desk | None = None
        self._interrupt: OnInterrupt | None = None
        self._terminate: object = None

    def users_wanted(self) -> int:
        """How many Locust users the run needs: a driver a process, or the users of a closed loop."""
        options = self._environment.parsed_options
        if is_closed(options):
            return int(options.num_users or 1)
        return len(self._worker_ids())  # none before a worker has connected

    def prepare(self) -> None:
        """Check all there is to check, start the mock server. What is wrong ends the process."""
        if isinstance(self._runner, MasterRunner):
            self._intake = Intake(self._runner, lambda: self._conductor)
        try:
            self._check()
            if self._environment.web_ui is not None:
                self._desk = Desk(self._environment, self.post, self._admission, self._mock, self._check_run)
        except HarnessError as error:
            self._stop_mock()
            preflight.end_children()
            complain("primetime", error)
            sys.exit(exits.USAGE)
        shape = ClosedShape(self) if is_closed(self._environment.parsed_options) else PlayShape(self)
        shape.runner = self._runner
        self._environment.shape_class = shape
        self._runner.greenlet.spawn(self._watch)

    def begin(self) -> None:
        """A run begins: its folder and its plan. Raises HarnessError, OSError."""
        if self._ending is not None:
            self._ending.join()
        self.over = False
        self.post.clear()
        environment = self._environment
        environment.parsed_options.primetime_plan = None
        options, settings, offer = self.post.asked_for()
        mock = self._mock if self._mock is not None and environment.host == self._mock.host else None
        target = settings.target(environment.host, bundled=mock is not None)
        settings = settings.toward(target)
        preflight.check_reach(self._worker_ids(), mock, self._architecture.out_of_reach(options))
        self._failed = False
        preflight.check_tasks(environment.user_classes)
        admitted = self._admission.for_run(target, settings)
        self._conductor = conductor = Conductor(
            self._source.name,
            settings,
            offer,
            admitted,
            self._worker_ids(),
            mock,
            options,
            self._architecture,
            live=self._desk is not None,
        )
        if self._desk is not None:
            self._desk.begin(conductor, mock)
        if environment.web_ui is None:
            self._interrupt = OnInterrupt(self._on_ctrl_c)
            # Locust handles SIGTERM only once its shape has ended.
            self._terminate = gevent.signal_handler(signal.SIGTERM, self._stop_run)
        if isinstance(self._runner, LocalRunner):
            self.post.begin(conductor.plan, 0, settings, offer, self._wires(conductor))
        else:
            options.primetime_plan = conductor.plan.message()

    def fail(self, why: str) -> None:
        """The run cannot begin, or not here."""
        self.over = self._failed = True
        if self._desk is not None:
            self._desk.fail(why)
        if self._conductor is not None and not self._conductor.ending:
            self._conductor.hear(self._runner.client_id, Tally(finished=True, degraded=why))

    def stop(self) -> None:
        """The test is stopping; unless the run is through already, somebody asked for it."""
        self._stop_run()
        self.post.wait()
        if self._conductor is not None and not self._conductor.ending:
            with nullcontext() if self._intake is None else self._intake.listening.held_open():
                self._conductor.wait()

    def end(self) -> None:
        """All users are gone: the ending, the report."""
        self.over = False  # or Locust would end the next run before it begins
        conductor = self._conductor
        if conductor is None or conductor.ending:
            return
        conductor.ending = True
        self._ending = gevent.spawn(conductor.end)
        if self._desk is None:
            self._ending.join()
        else:
            self._desk.end()
            self._ending.link_value(self._desk.reported)
            self._ending.link_value(lambda _: logger.info("report: %s", conductor.folder / "report.html"))

    @property
    def exit_code(self) -> int | None:
        """What the process ends with, if it is for this role to say."""
        if self._failed:
            return exits.USAGE
        if self._conductor is None:
            return None
        return exits.DEGRADED if self._conductor.degraded else 0

    def close(self) -> None:
        """The process ends, once the report is made."""
        if self._ending is not None:
            self._ending.join()
        self.post.close()
        self._stop_mock()

    def last_word(self) -> None:
        """Locust has printed its tables: what the run came to stands below them."""
        if self._conductor is not None and self._environment.web_ui is None:
            with suppress(OSError, AttributeError):  # nobody reads, or there is no standard output
                text = terminal.emphasised(self._conductor.text, terminal.WARNINGS, sys.stdout)
                sys.stdout.write(f"\n{text}\n")
                sys.stdout.flush()

    def _check(self) -> None:
        environment = self._environment
        options = environment.parsed_options
        if environment.web_ui is not None:
            preflight.check_port(options.web_host, options.web_port)
        settings, offer = self._check_run(options)
        if environment.host:
            if settings.mock_profile != self._source.mock_profile:
                raise ConfigError("--mock-profile has no effect with --host: give one of them")
            if options.mock_host not in LOOPBACK:
                raise ConfigError("--mock-host has no effect with --host: give one of them")
            self._admission.at_start(settings.target(environment.host, bundled=False), settings, offer)
        else:
            preflight.check_mock_host(options.mock_host)
            self._mock = MockProcess(settings.mock_profile, settings.seed, options.mock_host)
            atexit.register(self._stop_mock)
            environment.host = self._mock.host
        if not options.print_stats:
            options.only_summary = True  # the progress line takes the place of Locust's table

    def _check_run(self, options: Namespace) -> tuple[Settings, Offer]:
        settings = settings_from(options)
        preflight.check_run(options, settings, self._environment.user_classes, self._architecture)
        return settings, self._source.offer(options, settings.seed)

    def _stop_run(self) -> None:
        """No more arrivals, here or on all workers; calls under way have a short while to end."""
        conductor = self._conductor
        grace_s = 0.0 if conductor is not None and conductor.stopped else HURRY_S  # asked for twice
        if conductor is not None and not conductor.ending and not conductor.finished:
            conductor.stop()
            if isinstance(self._runner, MasterRunner):
                self._runner.send_message(STOP, {"grace_s": grace_s})
        self.post.stop(grace_s)

    def _on_ctrl_c(self) -> None:
        """The first Ctrl-C ends a headless run in good order; a second one is Locust's."""
        logger.info("stopping: calls under way have %g s to end; Ctrl-C again to leave now", HURRY_S)
        self._stop_run()

    def _worker_ids(self) -> list[str]:
        if not isinstance(self._runner, MasterRunner):
            return [self._runner.client_id]
        if self._conductor is not None and not self._conductor.ending:
            return self._conductor.plan.workers
        clients = self._runner.clients
        return [c.id for c in clients.ready + clients.spawning + clients.running]

    def _wires(self, conductor: Conductor) -> Wires:
        """From this process's own session to the run that it is of, and to no later one."""
        client_id = self._runner.client_id

        def ask(asked: Ask) -> None:
            if conductor.cashier is not None and conductor is self._conductor:
                self.post.take(conductor.cashier.ask(client_id, asked))

        def show(pulse: Pulse) -> None:
            if self._desk is not None and conductor is self._conductor:
                self._desk.hear(pulse)

        return Wires(partial(conductor.hear, client_id), ask, show, send=None)

    def _watch(self) -> None:
        """Once a second: progress, lost workers, the end."""
        while True:
            gevent.sleep(1.0)
            conductor = self._conductor
            if conductor is None or conductor.ending or self.over:
                continue
            if self._intake is not None:
                self._intake.look_for_lost(conductor)
            if conductor.look() and not conductor.stopped:
                logger.warning("stopping: no worker of the queue may send any more")
                self._stop_run()
            self.over = conductor.finished or conductor.overdue
            if self._environment.web_ui is None:
                conductor.show()

    def _stop_mock(self) -> None:
        mock, self._mock = self._mock, None
        if mock is not None:
            mock.stop()

"""Join a scenario to Locust: its options, the bundled mock server, the run, the report."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import Any

import gevent
from locust import events
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from harness.bridge import preflight
from harness.bridge.architecture import Architecture
from harness.bridge.conductor import PATIENCE, Conductor
from harness.bridge.direct import Direct
from harness.bridge.interrupt import OnInterrupt
from harness.bridge.loop_thread import LoopThread
from harness.bridge.mock_process import MockProcess
from harness.bridge.options import Settings, add_arguments, is_closed, settings_from
from harness.bridge.plan import Plan, plan_from
from harness.bridge.session import HURRY_S, Session
from harness.bridge.shape import ClosedShape, PlayShape
from harness.bridge.sources import Source
from harness.errors import ConfigError, HarnessError
from harness.play.offer import Offer
from harness.play.tally import Tally, from_message

TALLY = "primetime_tally"
STOP = "primetime_stop"

EXIT_DEGRADED = 1
EXIT_USAGE = 2

logger = logging.getLogger(__name__)


def install(source: Source, architecture: Architecture | None = None) -> Bridge:
    """Give a locustfile the source's options, the bundled mock server, recording and the report.

    Its users call the API themselves, unless another architecture is given (`harness.bridge.queued.Queued`).

    Set the result as `schedule` of its AsyncUser. Call it once, at the top of the locustfile.
    """
    bridge = Bridge(source, architecture or Direct())
    for hook, listener in (
        (events.init_command_line_parser, bridge.on_parser),
        (events.init, bridge.on_init),
        (events.test_start, bridge.on_test_start),
        (events.test_stopping, bridge.on_test_stopping),
        (events.test_stop, bridge.on_test_stop),
        (events.quitting, bridge.on_quitting),
        (events.quit, bridge.on_quit),
    ):
        hook.add_listener(listener)  # type: ignore[no-untyped-call]
    return bridge


class Bridge:
    """One scenario's way through Locust's events, in whichever role this process has."""

    def __init__(self, source: Source, architecture: Architecture) -> None:
        self.source = source
        self.architecture = architecture
        self.session: Session | None = None
        self.over = False
        self._environment: Any = None
        self._conductor: Conductor | None = None
        self._thread: LoopThread | None = None
        self._mock: MockProcess | None = None
        self._ending: gevent.Greenlet | None = None
        self._failed = False
        self._interrupt: OnInterrupt | None = None
        self._terminate: object = None
        self._told_to_stop = False

    @property
    def current_session(self) -> Session:
        """The run under way in this process. Raises ConfigError when there is none."""
        if self.session is None:
            raise ConfigError("no run is under way: client, prompts and arrival are there only in a run")
        return self.session

    def users_wanted(self) -> int:
        """How many Locust users the run needs: a driver a process, or the users of a closed loop."""
        options = self._environment.parsed_options
        if is_closed(options):
            return int(options.num_users or 1)
        return len(self._worker_ids())  # none before a worker has connected

    def on_parser(self, parser: Any, **_: Any) -> None:
        """Locust builds its command line."""
        add_arguments(parser, self.source.mock_profile)
        self.source.add_arguments(parser)
        self.architecture.add_arguments(parser)

    def on_init(self, environment: Any, runner: Any, web_ui: Any, **_: Any) -> None:
        """Every process, before anything runs: check all there is to check, start the mock server."""
        self._environment = environment
        if isinstance(runner, WorkerRunner):
            environment.process_exit_code = 0  # failed calls are the subject, not an error of the run
            runner.register_message(STOP, self._on_stop_message)
            if environment.parsed_options.processes:
                # In a run, the Ctrl-C reached the master, too, and it is the master that stops us.
                self._interrupt = OnInterrupt(self._quit_if_idle, runner.quit)
                runner.greenlet.spawn(_quit_when_orphaned, runner, os.getppid())
            return
        if isinstance(runner, MasterRunner):
            runner.register_message(TALLY, self._on_tally_message)
        try:
            self._prepare(environment, web_ui)
        except HarnessError as error:
            self._stop_mock()
            preflight.end_children()
            sys.exit(_complain(error))
        shape = ClosedShape(self) if is_closed(environment.parsed_options) else PlayShape(self)
        shape.runner = runner
        environment.shape_class = shape
        runner.greenlet.spawn(self._watch)

    def on_test_start(self, environment: Any, **_: Any) -> None:
        """A run begins, here or on the master that told us."""
        if self._ending is not None:
            self._ending.join()
        self.over = False
        self.session = None
        try:
            if isinstance(environment.runner, WorkerRunner):
                self._begin_worker(environment)
            else:
                self._begin(environment)
        except (HarnessError, OSError) as error:
            logger.error("%s", error)  # noqa: TRY400 - bad input gets a line, no traceback
            self._fail(str(error))
        except Exception as error:
            logger.exception("the run could not begin")
            self._fail(f"{type(error).__name__}: {error}")

    def on_test_stopping(self, **_: Any) -> None:
        """The test is stopping; unless the run is through already, somebody asked for it."""
        self._stop_run()
        if self.session is not None:
            self.session.wait(HURRY_S * PATIENCE)
        if self._conductor is not None and not self._conductor.ending:
            self._conductor.wait()

    def on_test_stop(self, **_: Any) -> None:
        """All users are gone: the ending, the report."""
        self.over = False  # or Locust would end the next run before it begins
        conductor = self._conductor
        if conductor is None or conductor.ending:
            return
        conductor.ending = True
        self._ending = gevent.spawn(conductor.end)
        if self._environment.web_ui is None:
            self._ending.join()
        else:
            self._ending.link_value(lambda _: logger.info("report: %s", conductor.folder / "report.html"))

    def on_quitting(self, environment: Any, **_: Any) -> None:
        """The process is about to end, perhaps in the middle of a run."""
        self.on_test_stopping()
        self.on_test_stop()
        if self._ending is not None:
            self._ending.join()
        if self._failed:
            environment.process_exit_code = EXIT_USAGE
        elif self._conductor is not None:
            environment.process_exit_code = EXIT_DEGRADED if self._conductor.degraded else 0
        if self._thread is not None:
            self._thread.stop()
        self._stop_mock()

    def on_quit(self, **_: Any) -> None:
        """Locust has printed its tables: ours are the last word."""
        if self._conductor is not None and self._environment.web_ui is None:
            with suppress(OSError, AttributeError):  # nobody reads, or there is no standard output
                sys.stdout.write(f"\n{self._conductor.text}\n")
                sys.stdout.flush()

    def _stop_run(self) -> None:
        """No more arrivals, here or on all workers; calls under way have a short while to end."""
        conductor, session = self._conductor, self.session
        grace_s = 0.0 if conductor is not None and conductor.stopped else HURRY_S  # asked for twice
        if conductor is not None and not conductor.ending and not conductor.finished:
            conductor.stop()
            if isinstance(self._environment.runner, MasterRunner):
                self._environment.runner.send_message(STOP, {"grace_s": grace_s})
        if session is not None and not session.tally.finished:
            session.tally.left = not self._told_to_stop and isinstance(self._environment.runner, WorkerRunner)
            session.stop(grace_s)

    def _on_ctrl_c(self) -> None:
        """The first Ctrl-C ends a headless run in good order; a second one is Locust's."""
        logger.info("stopping: calls under way have %g s to end; Ctrl-C again to leave now", HURRY_S)
        self._stop_run()

    def _fail(self, why: str) -> None:
        """The run cannot begin in this process."""
        self.over = self._failed = True
        if self._conductor is not None and not self._conductor.ending:
            self._tell(Tally(finished=True, degraded=why))
        if isinstance(self._environment.runner, WorkerRunner):
            self._tell(Tally(finished=True, degraded=why))

    def _quit_if_idle(self) -> None:
        if self.session is None or self.session.tally.finished:
            self._environment.runner.quit()

    def _prepare(self, environment: Any, web_ui: Any) -> None:
        options = environment.parsed_options
        if web_ui is not None:
            preflight.check_port(options.web_host, options.web_port)
        settings = settings_from(options)
        preflight.check_run(options, settings, environment.user_classes, self.architecture)
        self.source.offer(options, settings.seed)
        if environment.host:
            preflight.check_host(environment.host, options, settings)
            if settings.mock_profile != self.source.mock_profile:
                raise ConfigError("--mock-profile has no effect with --host: give one of them")
        else:
            self._mock = MockProcess(settings.mock_profile, settings.seed)
            atexit.register(self._stop_mock)
            environment.host = self._mock.host
        if not options.print_stats:
            options.only_summary = True  # the progress line takes the place of Locust's table

    def _begin(self, environment: Any) -> None:
        """On the master, or alone: the run's folder and plan."""
        options = environment.parsed_options
        options.primetime_plan = None
        settings = settings_from(options)
        offer = self.source.offer(options, settings.seed)
        mock = self._mock if self._mock is not None and environment.host == self._mock.host else None
        if mock is None:
            preflight.check_host(environment.host, options, settings)
        self._failed = False
        preflight.check_tasks(environment.user_classes)
        self._conductor = conductor = Conductor(
            self.source.name,
            settings,
            offer,
            environment.host,
            self._worker_ids(),
            mock,
            options,
            self.architecture,
        )
        if environment.web_ui is None:
            self._interrupt = OnInterrupt(self._on_ctrl_c)
            # Locust handles SIGTERM only once its shape has ended.
            self._terminate = gevent.signal_handler(signal.SIGTERM, self._stop_run)
        if isinstance(environment.runner, LocalRunner):
            self.session = self._session(environment, conductor.plan, 0, settings, offer)
        else:
            options.primetime_plan = conductor.plan.message()

    def _begin_worker(self, environment: Any) -> None:
        """On a worker: its share of the plan that came with the spawn message."""
        options = environment.parsed_options
        if options.primetime_plan is None:
            return  # the master could not begin, and says why
        plan = plan_from(options.primetime_plan)
        self._failed = self._told_to_stop = False
        if environment.runner.client_id not in plan.workers:
            logger.warning("this worker joined after the run had begun: it waits for the next")
            return
        index = plan.workers.index(environment.runner.client_id)
        settings = settings_from(options)
        offer = self.source.offer(options, settings.seed)
        self.session = self._session(environment, plan, index, settings, offer)

    def _session(self, environment: Any, plan: Plan, index: int, settings: Settings, offer: Offer) -> Session:
        return Session(environment, self._loop(), plan, index, settings, offer, self.architecture, self._tell)

    def _loop(self) -> LoopThread:
        if self._thread is None:
            self._thread = LoopThread()
        return self._thread

    def _worker_ids(self) -> list[str]:
        runner = self._environment.runner
        if not isinstance(runner, MasterRunner):
            return [runner.client_id]
        if self._conductor is not None and not self._conductor.ending:
            return self._conductor.plan.workers
        clients = runner.clients
        return [c.id for c in clients.ready + clients.spawning + clients.running]

    def _tell(self, tally: Tally) -> None:
        """A worker's tally on its way to the conductor."""
        runner = self._environment.runner
        if isinstance(runner, WorkerRunner):
            runner.send_message(TALLY, tally.message())
        elif self._conductor is not None:
            self._conductor.tallies[runner.client_id] = tally

    def _on_tally_message(self, msg: Any, **_: Any) -> None:
        if self._conductor is not None and msg.node_id in self._conductor.tallies:
            self._conductor.tallies[msg.node_id] = from_message(msg.data)

    def _on_stop_message(self, msg: Any, **_: Any) -> None:
        self._told_to_stop = True
        if self.session is not None and not self.session.tally.finished:
            self.session.stop(float(msg.data["grace_s"]))

    def _watch(self) -> None:
        """Once a second: progress, lost workers, the end."""
        while True:
            gevent.sleep(1.0)
            conductor = self._conductor
            if conductor is None or conductor.ending or self.over:
                continue
            self._look_for_lost(conductor)
            if conductor.look() and not conductor.stopped:
                logger.warning("stopping: no worker of the queue may send any more")
                self._stop_run()
            self.over = conductor.finished or conductor.overdue
            if self._environment.web_ui is None:
                conductor.show()

    def _look_for_lost(self, conductor: Conductor) -> None:
        runner = self._environment.runner
        if not isinstance(runner, MasterRunner):
            return
        for worker in conductor.plan.workers:
            node = runner.clients.get(worker)
            if node is None or node.state == "missing":
                conductor.lose(worker, "it disappeared")

    def _stop_mock(self) -> None:
        mock, self._mock = self._mock, None
        if mock is not None:
            mock.stop()


def _quit_when_orphaned(runner: Any, master: int) -> None:
    """Without its master a forked worker would sit out Locust's heartbeat timeout of a minute."""
    while os.getppid() == master:
        gevent.sleep(1.0)
    gevent.spawn(runner.quit)


def _complain(error: HarnessError) -> int:
    sys.stderr.write(f"primetime: error: {error}\n")
    return EXIT_USAGE

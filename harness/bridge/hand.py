"""A worker of a distributed run: it plays its share of the plan that comes with Locust's spawn message."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from functools import partial
from typing import Any

import gevent
import msgspec
from locust.exception import RPCError

from harness.bridge import exits
from harness.bridge.architecture import Architecture
from harness.bridge.cashier import grant_from
from harness.bridge.interrupt import OnInterrupt
from harness.bridge.listening import Listening
from harness.bridge.messages import ASK, GRANT, NOTE, PULSE, RECEIPT, RECORDS, STOP, TALLY
from harness.bridge.plan import Plan, plan_from
from harness.bridge.post import Post
from harness.bridge.session import HURRY_S
from harness.bridge.sources import Source
from harness.bridge.wires import Wires
from harness.errors import ConfigError
from harness.play.pulse import Pulse
from harness.play.tally import Tally
from harness.policy.parse import restored
from harness.spending.treasury import Ask
from harness.wire.address import LOOPBACK

logger = logging.getLogger(__name__)


class Hand:
    """The role of a Locust worker."""

    def __init__(self, environment: Any, source: Source, architecture: Architecture) -> None:
        self.post = Post(environment, source, architecture)
        self._environment = environment
        self._runner = environment.runner
        self._listening = Listening(self._runner.worker)
        self._run = ""
        self._failed = False
        self._told_to_stop = False
        self._interrupt: OnInterrupt | None = None

    def prepare(self) -> None:
        """Before anything runs."""
        self._environment.process_exit_code = 0  # failed calls are the subject, not an error of the run
        self._runner.register_message(STOP, self._on_stop_message)
        self._runner.register_message(RECEIPT, self._on_receipt_message)
        self._runner.register_message(GRANT, self._on_grant_message)
        self._runner.register_message(NOTE, self._on_note_message)
        options = self._environment.parsed_options
        if options.processes and options.master_host in LOOPBACK:
            # In a run, the Ctrl-C reached the master, too, and it is the master that stops us.
            self._interrupt = OnInterrupt(self._quit_if_idle, self._runner.quit)
            self._runner.greenlet.spawn(_quit_when_orphaned, self._runner, os.getppid())

    def begin(self) -> None:
        """A run begins. Raises HarnessError, OSError."""
        plan = self._plan()
        self.post.clear()
        if plan is None:
            return
        self._failed = self._told_to_stop = False
        _, settings, offer = self.post.asked_for(restored(plan.policy))
        if offer.digest != plan.offer:
            raise ConfigError(
                "the arrivals planned here are not the master's: expected the same release of primetime, and"
                " the same file of a trace, on every host"
            )
        settings = settings.toward(settings.target(plan.host, bundled=plan.bundled))
        index = plan.workers.index(self._runner.client_id)
        self.post.begin(plan, index, settings, offer, self._wires(plan.run))

    def begin_late(self) -> None:
        """A run began before this process was ready for it."""
        if self._plan() is not None:
            self.fail("the run began before this worker was ready")

    def fail(self, why: str) -> None:
        """The run cannot begin here: the master is told."""
        self._failed = True
        self._wires(self._run).tell(Tally(finished=True, degraded=why))

    def stop(self) -> None:
        """No more arrivals here; calls under way end, records are written and delivered."""
        self.post.stop(HURRY_S, left=not self._told_to_stop)
        with self._listening.held_open():
            self.post.wait()

    def end(self) -> None:
        """The master ends the run."""

    @property
    def exit_code(self) -> int | None:
        """What the process ends with, if it is for this role to say."""
        return exits.USAGE if self._failed else None

    def close(self) -> None:
        """The process ends."""
        self.post.close()

    def _plan(self) -> Plan | None:
        """The plan of the run that begins; None where this worker has no part in it."""
        message = self._environment.parsed_options.primetime_plan
        if message is None:
            return None  # the master could not begin, and says why
        self._run = str(message["run"])
        plan = plan_from(message)
        if self._runner.client_id not in plan.workers:
            logger.warning("this worker joined after the run had begun: it waits for the next")
            return None
        return plan

    def _wires(self, run: str) -> Wires:
        """To the master, under the name of one run: a session may outlast the beginning of the next."""

        def tell(tally: Tally) -> None:
            self._send(TALLY, {"run": run, **tally.message()})

        def ask(asked: Ask) -> None:
            self._send(ASK, {"run": run, **msgspec.to_builtins(asked)})

        def show(pulse: Pulse) -> None:
            self._send(PULSE, {"run": run, **pulse.message()})

        return Wires(tell, ask, show, partial(self._send, RECORDS))

    def _send(self, name: str, data: dict[str, Any]) -> None:
        """A message to the master. Cut off for long, some are lost: later ones make up for them."""
        with suppress(RPCError):
            self._runner.send_message(name, data)

    def _on_grant_message(self, msg: Any, **_: Any) -> None:
        if msg.data["run"] == self._run:  # one of the run before would be money of another budget
            self.post.take(grant_from(msg.data))

    def _quit_if_idle(self) -> None:
        if self.post.idle:
            self._runner.quit()

    def _on_stop_message(self, msg: Any, **_: Any) -> None:
        self._told_to_stop = True
        self.post.stop(float(msg.data["grace_s"]))

    def _on_receipt_message(self, msg: Any, **_: Any) -> None:
        self._listening.here()
        if self.post.session is not None:
            self.post.session.records.on_receipt(msg.data)

    def _on_note_message(self, msg: Any, **_: Any) -> None:
        if msg.data["run"] == self._run:
            self.post.note(msg.data["name"], msg.data["text"], msg.data["value"])


def _quit_when_orphaned(runner: Any, master: int) -> None:
    """Without its master a forked worker would sit out Locust's heartbeat timeout of a minute."""
    while os.getppid() == master:
        gevent.sleep(1.0)
    gevent.spawn(runner.quit)

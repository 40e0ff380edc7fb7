"""Where the web UI and the head of a run meet: the page is opened, the start form checked, faults noted."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from locust.runners import MasterRunner

from harness.bridge.admission import Admission
from harness.bridge.conductor import Conductor
from harness.bridge.live import web_ui
from harness.bridge.live.form import asked_for, check_loop
from harness.bridge.live.live import Live
from harness.bridge.messages import NOTE, PULSE
from harness.bridge.mock_process import MockProcess
from harness.bridge.options import Settings
from harness.bridge.post import Post
from harness.errors import ConfigError
from harness.play.offer import Offer
from harness.play.pulse import Pulse, pulse_from
from harness.policy.presets import PRESETS

#: What options ask for. Raises ConfigError.
CheckRun = Callable[[Namespace], tuple[Settings, Offer]]


class Desk:
    """The live page of a process with a web UI, opened before that serves. To be used on the hub."""

    def __init__(
        self,
        environment: Any,
        post: Post,
        admission: Admission,
        mock: MockProcess | None,
        check_run: CheckRun,
    ) -> None:
        self._environment = environment
        self._runner = environment.runner
        self._post = post
        self._admission = admission
        self._mock = mock
        self._check_run = check_run
        self._conductor: Conductor | None = None
        self._live = Live(self._note)
        self.fail = self._live.fail
        prefix = (environment.parsed_options.web_base_path or "").rstrip("/")
        known = {"policy": list(PRESETS)}
        if mock is not None:
            known["mock_profile"] = mock.profiles()
        web_ui.join(environment.web_ui, prefix, self._live, self._check_form, known)
        if isinstance(self._runner, MasterRunner):
            self._runner.register_message(PULSE, self._on_pulse_message)

    def begin(self, conductor: Conductor, mock: MockProcess | None) -> None:
        """A run has its folder and its plan."""
        self._conductor = conductor
        self._live.begin(conductor, mock)

    def hear(self, pulse: Pulse) -> None:
        """This process's own pulse."""
        self._live.hear(self._runner.client_id, pulse)

    def end(self) -> None:
        """The run is over; its report is still to be made."""
        self._live.end()

    def reported(self, _: object = None) -> None:
        """The run's report is there."""
        self._live.reported()

    def _check_form(self, form: Mapping[str, str]) -> None:
        """What Locust's start form asks for. Raises HarnessError where no run could begin with it."""
        if self._conductor is not None and not self._conductor.ending:
            raise ConfigError("a run is under way: stop it before another begins")
        started = self._environment.parsed_options
        asked = asked_for(started, form)
        settings, _ = self._check_run(asked)
        check_loop(started, asked)
        host = form.get("host") or self._environment.host
        bundled = self._mock is not None and host == self._mock.host
        target = settings.target(host, bundled=bundled)
        self._admission.check(target, settings.toward(target))
        if self._mock is not None and bundled:
            self._mock.play(settings.mock_profile)

    def _note(self, name: str, text: str, value: float) -> None:
        """A row in the events table of one worker that is still there."""
        if not isinstance(self._runner, MasterRunner):
            self._post.note(name, text, value)
        elif self._conductor is not None:
            lost = self._conductor.roll.lost
            there = [w for number, w in enumerate(self._conductor.plan.workers) if number not in lost]
            for worker in there[:1]:
                note = {"run": self._conductor.plan.run, "name": name, "text": text, "value": value}
                self._runner.send_message(NOTE, note, worker)

    def _on_pulse_message(self, msg: Any, **_: Any) -> None:
        if self._conductor is not None and self._conductor.plan.run == msg.data["run"]:
            self._live.hear(msg.node_id, pulse_from(msg.data))

"""Join a scenario to Locust: its options, the bundled mock server, the run, the report."""

from __future__ import annotations

import logging
from typing import Any

from locust import events
from locust.runners import WorkerRunner

from harness.bridge.architecture import Architecture
from harness.bridge.direct import Direct
from harness.bridge.hand import Hand
from harness.bridge.head import Head
from harness.bridge.help import add_help
from harness.bridge.options import add_arguments
from harness.bridge.session import Session
from harness.bridge.sources import Source
from harness.errors import ConfigError, HarnessError

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
    """One scenario's way through Locust's events: each is for the role that this process has."""

    def __init__(self, source: Source, architecture: Architecture) -> None:
        self.source = source
        self.architecture = architecture
        self._role: Head | Hand | None = None
        self._late = False

    @property
    def session(self) -> Session | None:
        """The run under way in this process, if any."""
        return None if self._role is None else self._role.post.session

    @property
    def current_session(self) -> Session:
        """The run under way in this process. Raises ConfigError when there is none."""
        session = self.session
        if session is None:
            raise ConfigError("no run is under way: client, prompts and arrival are there only in a run")
        return session

    def on_parser(self, parser: Any, **_: Any) -> None:
        """Locust builds its command line."""
        add_help(parser)
        add_arguments(parser, self.source.mock_profile)
        self.source.add_arguments(parser)
        self.architecture.add_arguments(parser)

    def on_init(self, environment: Any, runner: Any, **_: Any) -> None:
        """Every process, before anything runs."""
        role = Hand if isinstance(runner, WorkerRunner) else Head
        self._role = role(environment, self.source, self.architecture)
        self._role.prepare()
        if self._late and isinstance(self._role, Hand):
            self._role.begin_late()

    def on_test_start(self, **_: Any) -> None:
        """A run begins, here or on the master that told us."""
        if self._role is None:  # a worker that joins in the middle of a run is told of it before its own init
            self._late = True
            return
        role = self._role
        try:
            role.begin()
        except (HarnessError, OSError) as error:
            logger.error("%s", error)  # noqa: TRY400 - bad input gets a line, no traceback
            role.fail(str(error))
        except Exception as error:
            logger.exception("the run could not begin")
            role.fail(f"{type(error).__name__}: {error}")

    def on_test_stopping(self, **_: Any) -> None:
        """The test is stopping."""
        self._playing.stop()

    def on_test_stop(self, **_: Any) -> None:
        """All users are gone."""
        self._playing.end()

    def on_quitting(self, environment: Any, **_: Any) -> None:
        """The process is about to end, perhaps in the middle of a run."""
        role = self._playing
        role.stop()
        role.end()
        role.close()
        if role.exit_code is not None:
            environment.process_exit_code = role.exit_code

    def on_quit(self, **_: Any) -> None:
        """Locust has printed its tables."""
        if isinstance(self._role, Head):
            self._role.last_word()

    @property
    def _playing(self) -> Head | Hand:
        if self._role is None:
            raise RuntimeError("Locust fired an event of a run before its init")
        return self._role

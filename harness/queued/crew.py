"""The queue of one run and its worker processes: started before its first instant, stopped after its last."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

import msgspec

from harness.errors import ConfigError, HarnessError
from harness.queue.settings import grace_of
from harness.queued.plan import Start, WorkerPlan
from harness.queued.worker import READY, SPENT, UNWRITTEN
from harness.spending.amount import NOTHING, Amount

#: Beyond its grace, what a worker may take to hand back what it has and to write its records.
STOP_S = 5.0


class Crew:
    """A worker process for each plan. `start`, then `go`, then `stop`; `look` now and then meanwhile."""

    def __init__(self, plans: Sequence[WorkerPlan]) -> None:
        self._plans = plans
        self._server = plans[0].place.server
        self._processes: list[subprocess.Popen[str]] = []
        self._begun = False
        self._stopped = False
        #: What became of workers that ended before they were told to, by their number.
        self.lost: dict[int, str] = {}
        #: Whether one has spent all it may.
        self.exhausted = False
        self._spent: dict[int, Amount] = {}

    @property
    def working(self) -> int:
        """Workers that serve."""
        return sum(process.poll() is None for process in self._processes)

    def start(self) -> None:
        """The server, then the workers, until each is ready. Raises HarnessError when one is not, OSError.

        Nothing runs any more when it raises.
        """
        try:
            if self._server is not None:
                self._server.start()
            for plan in self._plans:
                self._processes.append(_launch())
                _hand_over(self._processes[-1], plan)
            for process in self._processes:
                _await_ready(process)
        except BaseException:
            self.stop()
            raise

    def go(self, started_unix_ns: int) -> None:
        """The run's zero is fixed: serve."""
        self._begun = True
        for process in self._processes:
            _hand_over(process, Start(started_unix_ns))

    def look(self) -> None:
        """See who has ended."""
        if self._stopped:
            return
        for plan, process in zip(self._plans, self._processes, strict=False):  # perhaps not all were started
            code = process.poll()
            if code == SPENT:
                self.exhausted = True
            elif code is not None:
                self.lost.setdefault(plan.number, _how(code))

    def spending(self) -> tuple[Amount, Amount]:
        """What its workers have spent, and what of it is supposed: all the share of one that did not say."""
        told = sum(self._spent.values(), NOTHING)
        silent = [p.terms.finite for p in self._plans if p.terms is not None and p.number not in self._spent]
        return told + sum(silent, NOTHING), sum(silent, NOTHING)

    def stop(self) -> None:
        """Tell the workers to stop, wait for them, and stop the server. A second time it does nothing."""
        if self._stopped:
            return
        self.look()
        self._stopped = True
        try:
            for process in self._processes:
                process.terminate()
                if not self._begun:  # it waits for its word, not for a signal
                    _close(process.stdin)
            for plan, process in zip(self._plans, self._processes, strict=False):
                self._wait(plan, process)
        finally:
            self._stop_server()

    def _stop_server(self) -> None:
        if self._server is not None:
            try:
                self._server.stop()
            except HarnessError as error:
                self.lost[-1] = str(error)

    def _hear(self, plan: WorkerPlan, process: subprocess.Popen[str]) -> None:
        """What it says that it has spent; nothing, if it was killed."""
        with suppress(msgspec.DecodeError, OSError):
            self._spent[plan.number] = msgspec.json.decode(_last_word(process), type=Amount)

    def _wait(self, plan: WorkerPlan, process: subprocess.Popen[str]) -> None:
        try:
            code = process.wait(grace_of(plan.settings, plan.policy) + STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.lost.setdefault(plan.number, "it did not stop when it was told to")
        else:
            if code not in (0, SPENT):
                self.lost.setdefault(plan.number, _how(code))
            self._hear(plan, process)
        _close(process.stdin)
        _close(process.stdout)


def _last_word(process: subprocess.Popen[str]) -> str:
    """What a worker that has ended said last."""
    lines = process.stdout.read().splitlines() if process.stdout else []
    return lines[-1] if lines else ""


def _launch() -> subprocess.Popen[str]:
    # A session of its own: a Ctrl-C in the terminal is for the run, which tells its workers when to stop.
    return subprocess.Popen(
        [sys.executable, "-m", "harness.queued.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _close(pipe: IO[str] | None) -> None:
    if pipe is not None:
        with suppress(OSError):
            pipe.close()


def _hand_over(process: subprocess.Popen[str], document: WorkerPlan | Start) -> None:
    if process.stdin is not None:
        with suppress(OSError):  # one that has ended is seen when it is looked for
            process.stdin.write(f"{msgspec.json.encode(document).decode()}\n")
            process.stdin.flush()


def _await_ready(process: subprocess.Popen[str]) -> None:
    said = process.stdout.readline() if process.stdout else ""
    if said.strip() != READY:
        raise ConfigError("a worker of the queue did not start; it says above why")


def _how(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        with suppress(ValueError):
            return f"it was ended by {signal.Signals(-code).name}"
    return "its records could not be written" if code == UNWRITTEN else f"it ended by itself, with {code}"

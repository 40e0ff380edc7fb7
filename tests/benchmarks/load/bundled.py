"""The mock server that a scenario started for itself, and the start of its run, as seen from outside."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

from tests.benchmarks.load.section import SectionError

WITHIN_S = 30.0
LOOK_S = 0.02

T = TypeVar("T")


def server_of(scenario: psutil.Process) -> psutil.Process:
    """The mock server of a scenario that is starting. Raises SectionError when none comes up."""
    return _awaited(scenario, "no mock server of its own", lambda: _mock_server(scenario))


def keep_to(process: psutil.Process, cores: tuple[int, ...]) -> None:
    """Every thread of a process to the last of `cores`; nothing where there are none to choose from."""
    if cores:
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {cores[-1]})


def started_unix_ns(scenario: psutil.Process) -> int:
    """When the run of a scenario starts: its time 0. Raises SectionError when it does not come to that."""
    command = scenario.cmdline()
    run_dir = Path(command[command.index("--run-dir") + 1])
    return _awaited(scenario, "no manifest", lambda: _started(run_dir))


def _mock_server(scenario: psutil.Process) -> psutil.Process | None:
    for child in scenario.children():
        if "mockserver" in child.cmdline():
            return child
    return None


def _started(run_dir: Path) -> int | None:
    for path in run_dir.glob("*/manifest.json"):
        try:
            return int(json.loads(path.read_bytes())["started_unix_ns"])
        except ValueError:  # it is being written
            return None
    return None


def _awaited(scenario: psutil.Process, lacking: str, look: Callable[[], T | None]) -> T:
    end_s = time.monotonic() + WITHIN_S
    while time.monotonic() < end_s:
        try:
            found = look()
        except psutil.NoSuchProcess:  # it has just ended
            found = None
        if found is not None:
            return found
        if not scenario.is_running() or scenario.status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(LOOK_S)
    raise SectionError(f"the scenario had {lacking} within {WITHIN_S:g} s")

"""Our own side: a scenario played by Locust in a process of its own, on a core of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from reports.reading.load import read_run
from reports.reading.run import Run
from tests.benchmarks.load.section import SectionError

#: A scenario that is told to stop gives its calls five seconds.
ENDS_WITHIN_S = 12.0

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Played:
    """A run that has ended."""

    folder: Path
    said: str

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The document of its `summary.json`."""
        document: dict[str, Any] = json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))
        return document

    @cached_property
    def run(self) -> Run:
        """Its tables."""
        return read_run(self.folder)


@contextmanager
def playing(
    *options: str,
    scenario: str = "steady",
    during: Callable[[psutil.Process], None] = lambda _: None,
    core: int | None = None,
    within_s: float = 120.0,
) -> Iterator[Played]:
    """A scenario under Locust, to its end; its folder is there until the block is left.

    `during` is called once it has started, with its process. Raises SectionError when it does not end well.
    """
    with tempfile.TemporaryDirectory(prefix="primetime-load-") as folder:
        command = [sys.executable, "-m", "locust", "-f", f"scenarios/{scenario}.py", "--headless"]
        command += ["--only-summary", "--run-dir", folder, *options]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a Ctrl-C is ours to answer
            preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509
        )
        try:
            during(psutil.Process(process.pid))
            said, _ = process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            raise SectionError(f"{scenario} did not end within {within_s:g} s") from None
        finally:
            _end(process)
        found = [path.parent for path in Path(folder).glob("*/summary.json")]
        if len(found) != 1:
            raise SectionError(
                f"{scenario} {' '.join(options)} ended with {process.returncode}: {said[-2000:]}"
            )
        yield Played(found[0], said)


def _end(process: subprocess.Popen[str]) -> None:
    """Let it tidy up after itself; kill what does not."""
    for word in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, word)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=ENDS_WITHIN_S)

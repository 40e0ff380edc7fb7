"""Workers as processes of their own, to be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]


def environment(url: str) -> dict[str, str]:
    """A worker's."""
    return os.environ | {"REDIS_URL": url, "OPENAI_API_KEY": "sk-any", "PYTHONPATH": str(ROOT)}


class WorkerProcess:
    """`python -m harness.queue worker`, up and serving."""

    def __init__(self, url: str, name: str, api: str, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "harness.queue", "worker", "--json", "--name", name]
        command += ["--base-url", api, "--send-ids", *options]
        self._log = (folder / "workers.log").open("ab")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._log, env=environment(url), cwd=ROOT
        )
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline() or b'{"error": "it did not start"}')
        assert "pid" in self.ready, (folder / "workers.log").read_text()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.wait(10)

    def wait(self, timeout_s: float) -> int:
        code = self.process.wait(timeout_s)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()
        return code


def command(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command of `python -m harness.queue`."""
    line = [sys.executable, "-m", "harness.queue", *arguments]
    return subprocess.run(
        line, env=environment(url), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def log_rows(path: Path) -> Sequence[dict[str, object]]:
    """The mock server's log."""
    return [json.loads(line) for line in path.read_text().splitlines()]

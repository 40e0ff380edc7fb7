"""Play a scenario as a user does, in a process of its own, and read what it left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "scenarios"
TIMEOUT_S = 100

#: What was started in the present test.
STARTED: list[subprocess.Popen[str]] = []


#: What a run says of its generator where the machine was busy with something else.
SLOW = "the generator was the bottleneck"


@dataclass(frozen=True)
class Played:
    """A finished scenario: exit code, what it printed, and the folders it left."""

    code: int
    out: str
    err: str
    folders: list[Path]

    @property
    def folder(self) -> Path:
        assert len(self.folders) == 1, self.out + self.err
        return self.folders[0]

    @property
    def summary(self) -> dict[str, Any]:
        return read_json(self.folder / "summary.json")

    def assert_whole(self) -> None:
        """Nothing was lost. Beside other tests on two cores the generator may have been slow, and says so."""
        reasons = [r for folder in self.folders for r in read_json(folder / "summary.json")["degraded"]]
        assert all(SLOW in reason for reason in reasons), reasons
        assert self.code == 0 or (self.code == 1 and reasons), self.out + self.err


def read_json(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    """All rows of one table, every worker's, batch by batch up to the last whole one."""
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob(f"{name}-*.arrow")):
        with path.open("rb") as file, suppress(StopIteration, pa.ArrowInvalid, OSError):
            reader = pa.ipc.open_stream(file)
            while True:
                rows += reader.read_next_batch().to_pylist()
    return rows


def recorded(run_dir: Path) -> int:
    """Attempts of the newest run on disk so far."""
    folders = sorted(run_dir.iterdir()) if run_dir.is_dir() else []
    return len(table(folders[-1], "attempts")) if folders else 0


def mock_log(folder: Path) -> list[dict[str, Any]]:
    """The mock server's own request log of the run."""
    lines = (folder / "mock-requests.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def environment() -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if k != "LOCUST_SKIP_MONKEY_PATCH"}
    return {**inherited, "NO_PROXY": "*"}


def start(scenario: str, *options: str, run_dir: Path) -> subprocess.Popen[str]:
    """Start a scenario; in a process group of its own, so that a Ctrl-C can be sent to all of it."""
    command = [sys.executable, "-m", "locust", "-f", str(SCENARIOS / scenario), "--run-dir", str(run_dir)]
    process = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=environment(),
        process_group=0,
    )
    STARTED.append(process)
    return process


def finish(process: subprocess.Popen[str], run_dir: Path, timeout_s: float = TIMEOUT_S) -> Played:
    """Wait for its end. A hang is killed and fails with what was printed."""
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"still running after {timeout_s} s\n{out}\n{err}") from None
    STARTED.remove(process)
    folders = sorted(p for p in run_dir.iterdir() if p.is_dir()) if run_dir.is_dir() else []
    return Played(process.returncode, out, err, folders)


def play(scenario: str, *options: str, run_dir: Path) -> Played:
    """Play a scenario headless to its end."""
    process = start(scenario, "--headless", *master_port(options), *options, run_dir=run_dir)
    return finish(process, run_dir)


def master_port(options: tuple[str, ...]) -> list[str]:
    """A port of its own for a distributed run: tests run side by side."""
    if "--processes" not in options:
        return []
    port = str(free_port())
    return ["--master-bind-port", port, "--master-port", port]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Poll a condition; fails when it does not come true in time."""
    give_up = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.1)

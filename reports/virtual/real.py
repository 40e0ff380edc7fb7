"""A stage in real time: the same evening under Locust, against the mock server as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from reports.errors import CellError
from reports.reading.load import read_run
from reports.reading.run import Run
from reports.virtual.stage import Stage

#: What a run that was degraded exits with: its figures stand, and it says what was wrong.
_DEGRADED = 1


def replay(stage: Stage, policy: Path, seed: int, run_dir: Path) -> Run:
    """Play a policy file's settings in real time, and read the run. Raises CellError, RunError.

    It takes as long as the load is, and half a minute.
    """
    before = set(run_dir.glob("*/manifest.json"))
    command = [sys.executable, "-m", "locust", *_options(stage, policy, seed, run_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own scenario
    made = set(run_dir.glob("*/manifest.json")) - before
    if done.returncode not in {0, _DEGRADED} or len(made) != 1:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise CellError(
            f"the replay of {policy} in real time failed: {said[-1] if said else 'it said nothing'}"
        )
    return read_run(made.pop().parent)


def _options(stage: Stage, policy: Path, seed: int, run_dir: Path) -> list[str]:
    load = stage.load
    if load.window is None:
        played = ["--rate", f"{load.rps:g}", "--length", f"{load.length_s:g}s"]
    else:
        played = [
            "--window",
            str(load.window),
            "--evening",
            f"{load.length_s:g}s",
            "--peak-rps",
            f"{load.rps:g}",
        ]
    return [
        "-f",
        str(_scenario("steady" if load.window is None else "primetime")),
        "--headless",
        *played,
        *("--arrivals", load.arrivals),
        *("--policy", str(policy)),
        *("--seed", str(seed)),
        *("--mock-profile", stage.profile_source),
        *("--run-dir", str(run_dir)),
        *(["--stream"] if stage.stream else []),
    ]


def _scenario(name: str) -> Path:
    """The file of a bundled scenario: found, never imported."""
    found = find_spec("scenarios")
    if found is None or found.origin is None:
        raise CellError("the scenarios are not installed: --real plays them")
    return Path(found.origin).with_name(f"{name}.py")

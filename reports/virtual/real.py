"""A stage in real time: the same evening under Locust, against the mock server as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from harness.queue.settings import WorkerSettings
from reports.errors import CellError
from reports.reading.load import read_run
from reports.reading.run import Run
from reports.virtual.queue_plan import QueuePlan
from reports.virtual.stage import Stage

#: What a run that was degraded exits with: its figures stand, and it says what was wrong.
_DEGRADED = 1


@dataclass(frozen=True, slots=True)
class Way:
    """What carries requests (the scenario's own default for None), and whose code plays: ours for None, else
    that of a checkout.
    """

    transport: str | None = None
    tree: Path | None = None


def replay(stage: Stage, policy: Path, seed: int, run_dir: Path) -> Run:
    """Play a policy file's settings in real time, and read the run. Raises CellError, RunError.

    It takes as long as the load is, and half a minute.
    """
    return read_run(replay_into(stage, str(policy), seed, run_dir))


def replay_into(stage: Stage, policy: str, seed: int, run_dir: Path, way: Way = Way()) -> Path:
    """Play a preset or a policy file in real time; the run's folder in `run_dir`. Raises CellError.

    Paths are absolute where a checkout's code plays: it starts there.
    """
    before = set(run_dir.glob("*/manifest.json"))
    command = [sys.executable, "-m", "locust", *_options(stage, policy, seed, run_dir, way)]
    done = subprocess.run(  # noqa: S603 - our own scenario
        command, capture_output=True, text=True, check=False, cwd=way.tree, env=_environment(way.tree)
    )
    made = set(run_dir.glob("*/manifest.json")) - before
    if done.returncode not in {0, _DEGRADED} or len(made) != 1:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise CellError(
            f"the replay of {policy} in real time failed: {said[-1] if said else 'it said nothing'}"
        )
    return made.pop().parent


def _environment(tree: Path | None) -> dict[str, str] | None:
    """Ours, but that every process of the run takes our packages from the checkout."""
    return None if tree is None else {**os.environ, "PYTHONPATH": str(tree)}


def _options(stage: Stage, policy: str, seed: int, run_dir: Path, way: Way) -> list[str]:
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
    plan = stage.queue({})
    scenario = "steady" if load.window is None else "primetime" if plan is None else "queued"
    return [
        "-f",
        str(_scenario(scenario, way.tree)),
        *_queue_options(stage, plan),
        "--headless",
        *played,
        *("--arrivals", load.arrivals),
        *("--policy", policy),
        *("--seed", str(seed)),
        *("--mock-profile", stage.profile_source),
        *("--run-dir", str(run_dir)),
        *([] if way.transport is None else ["--transport", way.transport]),
        *(["--stream"] if stage.stream else []),
    ]


def _queue_options(stage: Stage, plan: QueuePlan | None) -> list[str]:
    """The queue of `scenarios/queued.py`. Raises CellError for what that scenario has no option for."""
    if plan is None:
        return []
    if stage.load.window is None:
        raise CellError("a steady load is not replayed through a queue: expected an [evening]")
    if plan.worker != WorkerSettings():
        raise CellError(
            "queue: concurrency, tries and retry waits of workers are not replayed: scenarios/queued.py has"
            " no options for them"
        )
    deadline_s = plan.queue.deadline_s
    if deadline_s is None:
        raise CellError("queue.deadline_s is off: scenarios/queued.py wants one")
    return [
        *("--queue-workers", str(plan.workers)),
        *("--queue-depth", str(plan.queue.max_depth)),
        *("--queue-deadline", f"{deadline_s:g}s"),
        *("--queue-drain", f"{plan.drain_s:g}s"),
    ]


def _scenario(name: str, tree: Path | None) -> Path:
    """The file of a bundled scenario, or of a checkout's: found, never imported."""
    if tree is not None:
        return tree / "scenarios" / f"{name}.py"
    found = find_spec("scenarios")
    if found is None or found.origin is None:
        raise CellError("the scenarios are not installed: they are what plays in real time")
    return Path(found.origin).with_name(f"{name}.py")

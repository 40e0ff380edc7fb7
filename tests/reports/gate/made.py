"""Runs made by hand for gates: calls of a stated noise, on disk as a scenario would leave them."""

from __future__ import annotations

import json
import random
from pathlib import Path

from harness.model import AttemptFinished, CallFinished, Event, Outcome, StoppedBy
from reports import __main__ as cli
from reports.gate.metrics import Figure
from reports.gate.record import RunRecord
from tests.reports import runs

CALLS = 1200
RPS = 20.0

#: Of a run's own latencies, in logs.
NOISE_SD = 0.01


def noisy_run(
    path: Path,
    noise: int,
    *,
    seed: int = 7,
    calls: int = CALLS,
    slower: float = 1.0,
    fails: int = 0,
    degraded: tuple[str, ...] = (),
) -> Path:
    """Calls whose latencies are the seed's own, times the run's luck and `slower`; the first `fails` fail."""
    path.mkdir(parents=True)
    own = random.Random(seed)
    luck = random.Random(f"{seed}-{noise}").lognormvariate(0, NOISE_SD)
    events: list[Event] = []
    for number in range(calls):
        due_ms = number * 1000 / RPS
        end_ms = due_ms + 2000 * own.lognormvariate(0, 0.5) * luck * slower
        bad = number < fails
        outcome = Outcome.OVERLOADED if bad else Outcome.OK
        events += [
            AttemptFinished(
                runs.attempt(number, 1, due_ms, end_ms, outcome, tokens=None if bad else (100, 50))
            ),
            CallFinished(
                runs.call(number, due_ms, end_ms, outcome, stopped_by=StoppedBy.ATTEMPTS if bad else None)
            ),
        ]
    schedule = {
        "scenario": "steady",
        "arrivals": "constant",
        "rate": RPS,
        "window": None,
        "duration_s": calls / RPS,
        "count": calls,
        "clock": None,
        "curve": None,
    }
    runs.manifest(path, seed=seed, schedule=schedule)
    runs.rewrite_manifest(path, generator={"transport": "fast", "stream": False})
    runs.record(path, 0, events)
    runs.ending(path, {"0": calls}, arrivals_end_s=calls / RPS, degraded=degraded)
    return path


def eight(folder: Path) -> list[Path]:
    """Eight runs of one seed, each with its own luck."""
    return [noisy_run(folder / f"run-{number}", number) for number in range(8)]


def records(
    values: dict[int, list[float]], metric: str = "call_latency.p95", n: int = 5000
) -> list[RunRecord]:
    """Runs of these values of one metric, by seed."""
    return [
        RunRecord(f"seed {seed} #{number}", seed, n, (), {metric: Figure(value, n)})
        for seed, some in values.items()
        for number, value in enumerate(some)
    ]


def edited(path: Path, out: Path, **changes: object) -> Path:
    """A JSON document with other values."""
    out.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return out


def gate(*arguments: object) -> int:
    """The exit code of `python -m reports gate`, in this process."""
    return cli.main(["gate", *map(str, arguments)])

"""The baseline of a gate: what runs were like when they were good, as a file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from harness.files import why
from reports.errors import BaselineError, UnlikeError
from reports.figures.objectives import Objective
from reports.figures.totals import INFINITE
from reports.gate.metrics import Figure
from reports.gate.record import RunRecord, conditions, differences, digest, machine, record
from reports.gate.sampled import Sampled
from reports.reading.run import Run
from reports.telling import words

KIND = "baseline"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Baseline:
    """Runs that are alike. `conditions` and `machine` are theirs, `versions` of the packages."""

    objectives: tuple[Objective, ...]
    conditions: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, Any]
    runs: tuple[RunRecord, ...]

    @property
    def seeds(self) -> list[int]:
        """Each once, in order."""
        return sorted({run.seed for run in self.runs})


def of_runs(runs: Sequence[Run], objectives: Sequence[Objective]) -> Baseline:
    """The baseline that sound runs of one configuration and machine make. Raises UnlikeError."""
    first = runs[0]
    made = Baseline(
        tuple(objectives),
        conditions(first, objectives),
        machine(first),
        dict(first.manifest.versions),
        tuple(record(Sampled(run, objectives)) for run in runs),
    )
    for run, recorded in zip(runs, made.runs, strict=True):
        name = words.clean(recorded.run)
        if recorded.degraded:
            raise UnlikeError(f"{name} is degraded: {words.clean(recorded.degraded[0])}")
        if found := unlike(made, run):
            raise UnlikeError(f"{name} differs from {words.clean(made.runs[0].run)}: {'; '.join(found)}")
    return made


def unlike(baseline: Baseline, run: Run) -> list[str]:
    """What makes a run no match for a baseline, each difference named; empty when it is one."""
    return [
        *differences(baseline.conditions, conditions(run, baseline.objectives)),
        *differences(_prefixed(baseline.machine), _prefixed(machine(run))),
    ]


def document(baseline: Baseline) -> dict[str, Any]:
    """The baseline as its file has it."""
    return {
        "kind": KIND,
        "version": VERSION,
        "schema_version": baseline.conditions["schema_version"],
        "configuration": digest(baseline.conditions),
        "seeds": baseline.seeds,
        "objectives_ms": {o.metric: o.limit_ms for o in baseline.objectives},
        "conditions": baseline.conditions,
        "machine": baseline.machine,
        "versions": baseline.versions,
        "runs": [
            {
                "run": run.run,
                "seed": run.seed,
                "calls": run.calls,
                "degraded": list(run.degraded),
                "figures": {name: [_written(f.value), f.n] for name, f in run.figures.items()},
            }
            for run in baseline.runs
        ],
    }


def read(path: Path) -> Baseline:
    """The baseline in a file. Raises BaselineError for one that is missing, damaged or something else."""
    found = read_document(path, KIND, VERSION)
    try:
        return _parsed(msgspec.convert(found, _File))
    except msgspec.ValidationError as error:
        raise BaselineError(f"{path}: {error}") from error


def read_document(path: Path, kind: str, version: int) -> dict[str, Any]:
    """The JSON document of that kind and version. Raises BaselineError."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read: {why(error, path)}") from error
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{path}: not JSON: {error}") from error
    if not isinstance(found, dict) or found.get("kind") != kind:
        told = repr(found.get("kind")) if isinstance(found, dict) else f"a {type(found).__name__}"
        raise BaselineError(f"{path}: kind = {told}: expected {kind!r}, as `reports baseline` writes it")
    if found.get("version") != version:
        raise BaselineError(
            f"{path}: version = {found.get('version')!r}: expected {version}; make the baseline again"
        )
    return found


@dataclass(frozen=True, slots=True)
class _FileRun:
    run: str
    seed: int
    calls: int
    figures: dict[str, tuple[float | str, int]]
    degraded: list[str]


@dataclass(frozen=True, slots=True)
class _File:
    objectives_ms: dict[str, float]
    conditions: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, Any]
    runs: list[_FileRun]


def _parsed(file: _File) -> Baseline:
    if not file.runs:
        raise msgspec.ValidationError("runs: expected at least one")
    return Baseline(
        tuple(Objective(metric, limit_ms) for metric, limit_ms in file.objectives_ms.items()),
        file.conditions,
        file.machine,
        file.versions,
        tuple(
            RunRecord(
                run.run,
                run.seed,
                run.calls,
                tuple(run.degraded),
                {name: Figure(_value(name, value), n) for name, (value, n) in run.figures.items()},
            )
            for run in file.runs
        ),
    )


def _value(name: str, value: float | str) -> float:
    if isinstance(value, str):
        if value != INFINITE:
            raise msgspec.ValidationError(f"{name} = {value!r}: expected a number or {INFINITE!r}")
        return math.inf
    if not value >= 0:
        raise msgspec.ValidationError(f"{name} = {value!r}: expected a number from 0 up")
    return value


def _written(value: float) -> float | str:
    return INFINITE if math.isinf(value) else value


def _prefixed(values: dict[str, Any]) -> dict[str, Any]:
    return {f"machine.{key}": value for key, value in values.items()}

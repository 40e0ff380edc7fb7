"""A run as a gate remembers it: its figures, and the conditions under which they may be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.figures.objectives import Objective
from reports.gate.metrics import Figure, figures
from reports.gate.sampled import Sampled
from reports.reading.architecture import queue_settings
from reports.reading.run import Run
from reports.telling import words

#: Longer differences are named, not shown.
LONGEST_SHOWN = 60

#: Of the schedule: what follows from the seed.
_BY_SEED = ("count",)

ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. `degraded` says why it is not to be trusted; empty for a sound one."""

    run: str
    seed: int
    calls: int
    degraded: tuple[str, ...]
    figures: dict[str, Figure]


def record(sampled: Sampled) -> RunRecord:
    """What is remembered of a run."""
    manifest, calls = sampled.run.manifest, len(sampled.run.calls)
    return RunRecord(manifest.run, manifest.seed, calls, sampled.degraded, figures(sampled))


def conditions(run: Run, objectives: Sequence[Objective]) -> dict[str, Any]:
    """All that a run's figures may depend on but code, seed and machine, by dotted names.

    The policy's name is none of it, and neither is the port that the bundled mock server happened to have.
    """
    document = run.document
    target = run.manifest.target
    policy = {key: value for key, value in run.manifest.policy.values.items() if key != "name"}
    return flat(
        {
            "schema_version": run.manifest.schema_version,
            "scenario": run.manifest.scenario,
            "workers": run.manifest.workers,
            "policy": policy,
            "schedule": {k: v for k, v in document["schedule"].items() if k not in _BY_SEED},
            "target": {
                "profile": target.get("profile"),
                "host": None if target.get("bundled") else target.get("host"),
                **({k: target.get(k) for k in ("real", "wire", "model")} if run.manifest.real else {}),
            },
            "generator": run.manifest.generator,
            "architecture": run.manifest.architecture,
            "queue": queue_settings(run),
            "goodput": {o.metric: o.limit_ms for o in objectives},
        }
    )


def machine(run: Run) -> dict[str, Any]:
    """The fingerprint: what times depend on. A kernel's or Python's last number is no other machine."""
    found = run.manifest.machine
    python = ".".join(str(found.get("python", "")).split(".")[:2])
    return {**{k: v for k, v in found.items() if k not in {"release", "python"}}, "python": python}


def digest(values: Mapping[str, Any]) -> str:
    """The same for equal conditions."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested tables by their dotted names."""
    found: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What is not the same in both, named: `policy.retry.attempts: 3 -> 4`; empty for equal ones."""
    found = []
    for key in dict.fromkeys((*before, *after)):
        a, b = before.get(key, ABSENT), after.get(key, ABSENT)
        if a != b:
            shown = f"{words.clean(a)} -> {words.clean(b)}"
            found.append(f"{key}: {shown}" if len(shown) <= LONGEST_SHOWN else key)
    return found

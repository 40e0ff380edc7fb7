"""What runs are called side by side: by policy, and where they differ in it, by architecture."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from reports.reading.run import Run


def mixed(runs: Sequence[Run]) -> bool:
    """Whether some of the runs went through a queue and some did not."""
    return len({run.manifest.architecture for run in runs}) > 1


def named(run: Run, among: Sequence[Run]) -> str:
    """The policy's name, with the architecture where those of the runs differ."""
    manifest = run.manifest
    return f"{manifest.policy.name} {manifest.architecture}" if mixed(among) else manifest.policy.name


def side(run: Run, among: Sequence[Run]) -> tuple[str, str]:
    """What runs of one side share: the name, and all settings of the policy and of the queue."""
    return named(run, among), json.dumps([run.manifest.policy.values, queue_settings(run)], sort_keys=True)


def by_side(runs: Sequence[Run]) -> list[tuple[str, list[int]]]:
    """The sides and their labels, each with the indices of its runs, in the order of their first ones.

    Of one side only, the first run of every seed is a side, the second another, and so on.
    """
    keys = [side(run, runs) for run in runs]
    if len(set(keys)) == 1:
        seeds = [run.manifest.seed for run in runs]
        keys = [(keys[0][0], str(Counter(seeds[:i])[seed])) for i, seed in enumerate(seeds)]
    members: dict[tuple[str, str], list[int]] = {}
    for i, key in enumerate(keys):
        members.setdefault(key, []).append(i)
    names = [name for name, _ in members]
    labels = [
        name if names.count(name) == 1 else f"{name} #{Counter(names[: i + 1])[name]}"
        for i, name in enumerate(names)
    ]
    return list(zip(labels, members.values(), strict=True))


def queue_settings(run: Run) -> dict[str, Any] | None:
    """Of the queue that a run went through; not what it was called, nor how its workers are numbered."""
    used = run.manifest.queue
    if used is None:
        return None
    return {key: value for key, value in asdict(used).items() if key not in {"name", "first_worker"}}

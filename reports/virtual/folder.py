"""A virtual run as the folder that a real one leaves: every report reads it, and nobody has to know."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.model import Event
from harness.play.offer import policy_document, schedule_document
from harness.policy.config import Policy
from harness.record import folder as run_folder
from harness.record.cells import Note
from harness.record.recorder import Recorder
from mockserver.units import NS_PER_US
from reports.telling.progress import Progress
from reports.virtual.play import HAND_ON_S, HOST, VirtualRun, play
from reports.virtual.provider import EPOCH_US
from reports.virtual.queue_plan import QueuePlan
from reports.virtual.queued import used
from reports.virtual.stage import Stage
from reports.virtual.told import FIRST_WORKER, Told, source_of

#: The start of every virtual run on its calendar, which is nobody's.
STARTED_UNIX_NS = EPOCH_US * NS_PER_US


def play_into(stage: Stage, policy: Policy, seed: int, run_dir: Path) -> Path:
    """Play one run, and leave its folder in `run_dir`; the folder.

    The same run leaves the same figures, byte for byte: its name says what was played, not when. Raises
    ConfigError, HarnessError, OSError.
    """
    queue = stage.queue({})
    direct = "steady" if stage.load.window is None else "primetime"
    scenario = direct if queue is None else "queued"
    run = VirtualRun(policy, stage.load.offer(seed), stage.profile, seed, stage.stream, queue)
    name = f"virtual-{scenario}-{policy.name}-seed{seed}"
    folder = run_folder.make(run_dir, name)
    run_folder.write_manifest(folder, _manifest(stage, run, scenario, name))
    recorders = [Recorder(folder, worker, 0) for worker in range(_processes(queue))]
    steps = max(1, math.ceil(run.offer.length_s / HAND_ON_S))
    progress = Progress(steps, "steps of the evening")

    def take(told: list[Told]) -> None:
        by_source: list[list[Event | Note]] = [[] for _ in recorders]
        for source, event in map(source_of, told):
            by_source[source].append(event)
        for recorder, events in zip(recorders, by_source, strict=True):
            recorder.extend(events)
            recorder.flush()
        if progress.done < steps:  # the drain is no part of the evening
            progress.step()

    try:
        played = play(run, take)
    finally:
        for recorder in recorders:
            recorder.close()
        progress.close()
    ending = run_folder.Ending(
        "completed",
        played.arrivals_end_ns,
        played.end_ns,
        {"virtual": played.scheduled},
        {"virtual": sum(recorder.counted for recorder in recorders)},
        [],
    )
    run_folder.write_ending(folder, ending)
    return folder


def _processes(queue: QueuePlan | None) -> int:
    """All that record: who calls or submits, and the queue's workers."""
    return 1 if queue is None else FIRST_WORKER + queue.workers


def _manifest(stage: Stage, run: VirtualRun, scenario: str, name: str) -> run_folder.Manifest:
    return run_folder.Manifest(
        run=name,
        scenario=scenario,
        started_unix_ns=STARTED_UNIX_NS,
        seed=run.seed,
        workers=1,
        policy=_policy(run),
        schedule=schedule_document(scenario, run.offer),
        target={"host": HOST, "bundled": True, "profile": stage.profile.name},
        generator={"transport": "sim", "stream": run.stream, "virtual": True},
        architecture="direct" if run.queue is None else "queued",
        queue=None if run.queue is None else asdict(used(run.queue)),
    )


def _policy(run: VirtualRun) -> dict[str, Any]:
    if run.queue is None:
        return policy_document(run.policy, 1)
    return policy_document(run.policy, run.queue.workers, first=FIRST_WORKER)

"""A virtual run as the folder that a real one leaves: every report reads it, and nobody has to know."""

from __future__ import annotations

import math
from pathlib import Path

from harness.model import Event
from harness.play.offer import policy_document, schedule_document
from harness.policy.config import Policy
from harness.record import folder as run_folder
from harness.record.recorder import Recorder
from mockserver.units import NS_PER_US
from reports.telling.progress import Progress
from reports.virtual.play import HAND_ON_S, HOST, VirtualRun, play
from reports.virtual.provider import EPOCH_US
from reports.virtual.stage import Stage

#: The start of every virtual run on its calendar, which is nobody's.
STARTED_UNIX_NS = EPOCH_US * NS_PER_US


def play_into(stage: Stage, policy: Policy, seed: int, run_dir: Path) -> Path:
    """Play one run, and leave its folder in `run_dir`; the folder.

    The same run leaves the same figures, byte for byte: its name says what was played, not when. Raises
    ConfigError, HarnessError, OSError.
    """
    scenario = "steady" if stage.load.window is None else "primetime"
    run = VirtualRun(policy, stage.load.offer(seed), stage.profile, seed, stage.stream)
    name = f"virtual-{scenario}-{policy.name}-seed{seed}"
    folder = run_folder.make(run_dir, name)
    run_folder.write_manifest(folder, _manifest(stage, run, scenario, name))
    recorder = Recorder(folder, 0, 0)
    steps = max(1, math.ceil(run.offer.length_s / HAND_ON_S))
    progress = Progress(steps, "steps of the evening")

    def take(events: list[Event]) -> None:
        recorder.extend(events)
        recorder.flush()
        if progress.done < steps:  # the drain is no part of the evening
            progress.step()

    try:
        played = play(run, take)
    finally:
        recorder.close()
        progress.close()
    ending = run_folder.Ending(
        "completed",
        played.arrivals_end_ns,
        played.end_ns,
        {"virtual": played.scheduled},
        {"virtual": recorder.counted},
        [],
    )
    run_folder.write_ending(folder, ending)
    return folder


def _manifest(stage: Stage, run: VirtualRun, scenario: str, name: str) -> run_folder.Manifest:
    return run_folder.Manifest(
        run=name,
        scenario=scenario,
        started_unix_ns=STARTED_UNIX_NS,
        seed=run.seed,
        workers=1,
        policy=policy_document(run.policy, 1),
        schedule=schedule_document(scenario, run.offer),
        target={"host": HOST, "bundled": True, "profile": stage.profile.name},
        generator={"transport": "sim", "stream": run.stream, "virtual": True},
    )

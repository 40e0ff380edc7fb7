"""One cell of a sweep or a trial of a study: a policy and a seed on a stage, played and summed up."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.policy.parse import values
from mockserver.profile_document import as_document
from reports.errors import CellError
from reports.figures.queueing import QueueTotals
from reports.figures.recovery import BIN_S, Course
from reports.figures.totals import Totals, finite
from reports.reading.run import Manifest, Policy, Run, Schedule
from reports.virtual.parts import Parts
from reports.virtual.play import VirtualRun, play
from reports.virtual.queue_plan import QueuePlan
from reports.virtual.queued import used
from reports.virtual.stage import Stage
from reports.virtual.told import Told

#: Events taken at once: a part of a run costs some milliseconds, whatever it holds.
PART_EVENTS = 20_000


@dataclass(frozen=True)
class Cell:
    """What is played: `settings` are dotted keys of the policy, laid over that of the stage.

    (No slots: its key is computed once.)
    """

    stage: Stage
    settings: Mapping[str, Any]
    seed: int

    @cached_property
    def key(self) -> str:
        """The same for cells whose figures must be the same, whatever spec they stand in.

        Another release, or a line of code that was changed, may come to other figures: those are other cells.
        """
        policy = values(self.stage.policy(self.settings))
        del policy["name"]
        queue = self.stage.queue(self.settings)
        document = {
            "code": code(),
            "policy": policy,
            "queue": None if queue is None else queue.document(),
            "stage": self.stage.document(),
            "profile": as_document(self.stage.profile),
            "seed": self.seed,
        }
        text = json.dumps(document, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:20]


Figures = dict[str, Any]


@cache
def code() -> str:
    """A digest of all that figures come from: the sources of client, mock server and reports."""
    digest = hashlib.sha256()
    for package in ("harness", "mockserver", "reports"):
        folder = Path(str(resources.files(package)))
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def play_cell(cell: Cell) -> Figures:
    """Play a cell: the figures of `summary.json`, its recovery, and goodput over the run.

    No sample outlives it, and none is held: memory does not grow with the length of the evening. Raises
    CellError.
    """
    stage = cell.stage
    offer = stage.load.offer(cell.seed)
    policy, queue = stage.policy(cell.settings), stage.queue(cell.settings)
    manifest = _nameless(policy.name, cell.seed, queue)
    parts, sums = Parts(manifest), _Sums(stage, manifest)
    held: list[Told] = []

    def sum_up() -> None:
        sums.add(parts.part(held))
        held.clear()

    def take(events: list[Told]) -> None:
        held.extend(events)
        if len(held) >= PART_EVENTS:
            sum_up()

    try:
        with _uncollected():
            run = VirtualRun(policy, offer, stage.profile, cell.seed, stage.stream, queue)
            played = play(run, take)
    except HarnessError as error:
        raise CellError(f"seed {cell.seed}, {dict(cell.settings)}: {error}") from error
    sum_up()
    if sums.calls != played.scheduled:
        raise CellError(f"{played.scheduled} calls were scheduled, and {sums.calls} ended")
    return {
        "settings": dict(cell.settings),
        "seed": cell.seed,
        **sums.figures(window_ns=played.arrivals_end_ns, billed_tokens=played.billed_tokens),
    }


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: a call leaves no knot, and to look for them costs a twentieth."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def figures_of(stage: Stage, run: Run) -> Figures:
    """The figures of a run that was played in real time on a stage; nobody knows what was billed."""
    sums = _Sums(stage, run.manifest)
    sums.add(run)
    return {
        "settings": {},
        "seed": run.manifest.seed,
        **sums.figures(window_ns=run.window_ns, billed_tokens=None),
    }


class _Sums:
    """What a run on a stage comes to, as a whole and over its time."""

    def __init__(self, stage: Stage, manifest: Manifest) -> None:
        self._stage = stage
        self._clients = manifest.clients
        self._queue = None if manifest.queue is None else QueueTotals(manifest.queue)
        self._totals = Totals(stage.objectives)
        self._course = Course(stage.load.length_s)

    @property
    def calls(self) -> int:
        """Calls there are."""
        return self._totals.calls

    def add(self, part: Run) -> None:
        """A run, or one more part of it."""
        self._course.add(part.calls.intended_ns, self._totals.add(part))
        if self._queue is not None:
            self._queue.add(part)

    def figures(self, *, window_ns: int, billed_tokens: int | None) -> Figures:
        """All but what was played: every call that was offered was added."""
        cleared_s, course = self._stage.cleared_s, self._course
        return {
            "duration_s": self._stage.load.length_s,
            **self._totals.figures(offered=self.calls, clients=self._clients, window_ns=window_ns),
            "billed_tokens": billed_tokens,
            "time_to_recover_s": finite(None if cleared_s is None else course.time_to_recover_s(cleared_s)),
            "course": {"bin_s": BIN_S, "offered": course.offered.tolist(), "good": course.good.tolist()},
            **self._queued(),
        }

    def _queued(self) -> dict[str, Any]:
        """Nothing, where callers called themselves: those figures are as they always were."""
        if self._queue is None:
            return {}
        return {"queue": self._queue.figures(), "backlog": self._queue.course(BIN_S)}


def _nameless(policy: str, seed: int, queue: QueuePlan | None) -> Manifest:
    """What the metrics ask of a manifest."""
    return Manifest(
        schema_version=0,
        run="",
        scenario="",
        seed=seed,
        workers=1,
        policy=Policy(policy),
        schedule=Schedule(),
        target={},
        queue=None if queue is None else used(queue),
    )

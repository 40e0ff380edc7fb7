"""Two sides in real time, one after the other in pairs: A B B A, B A A B, and so on."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.errors import OutputError, UnlikeError, UsageError
from reports.gate.record import RunRecord, differences, flat, record
from reports.gate.sampled import Sampled
from reports.reading.load import read_run
from reports.statistics.paired import FEWEST_PAIRS
from reports.summary.result import save, to_json
from reports.telling import words
from reports.telling.progress import Progress, say
from reports.virtual.real import Way, replay_into
from reports.virtual.stage import Stage

BASE, NEW = "base", "new"

MOST_PAIRS = 1000

#: A run that its own generator spoiled is played again, so often in all.
MOST_TRIES = 3

#: What a run takes beside its load, to start, drain and sum up.
AROUND_S = 15.0

PLAN = "comparison.json"
UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Side:
    """A policy (a preset or an absolute path), and how it is played."""

    policy: str
    way: Way


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of the comparison: one side of the pair of that number, from 1."""

    pair: int
    side: str
    seed: int

    @property
    def name(self) -> str:
        """The run's folder."""
        return f"pair-{self.pair:02d}-{self.side}"


def turns(pairs: int, seed: int) -> list[Turn]:
    """The order of the runs: A B B A with one seed, B A A B with the next.

    What drifts evenly (a laptop that gets warm) falls on both sides alike, and the runs of a side within a
    block are of one evening: how far they are apart is the noise of this machine on this day, for nothing.
    """
    found = []
    for index in range(pairs):
        block, second = divmod(index, 2)
        order = (BASE, NEW) if block % 2 == second else (NEW, BASE)
        found += [Turn(index + 1, side, seed + block) for side in order]
    return found


def check_pairs(pairs: int) -> None:
    """Raises UsageError for a number of pairs that says nothing."""
    if not FEWEST_PAIRS <= pairs <= MOST_PAIRS:
        raise UsageError(f"--pairs {pairs}: expected {FEWEST_PAIRS} to {MOST_PAIRS}: fewer say nothing")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is played; `plan` is all that its runs depend on, as plain data."""

    stage: Stage
    sides: dict[str, Side]
    pairs: int
    seed: int
    plan: dict[str, Any]

    def play(self, out: Path) -> tuple[list[RunRecord], list[RunRecord]]:
        """Both sides' runs in order; those that are in `out` already are not played again.

        Raises UsageError where `out` holds another comparison, UnlikeError for a run that is degraded however
        often it is played, and CellError, RunError.
        """
        _claim(out, self.plan)
        order = turns(self.pairs, self.seed)
        to_play = [turn for turn in order if not _finished(out / turn.name)]
        each_s = self.stage.load.length_s + AROUND_S if to_play else None
        if each_s is not None:
            left = words.duration(float(round(each_s * len(to_play))))
            say(f"{len(to_play)} of {len(order)} runs to play in real time, about {left}; kept in {out}")
        progress = Progress(len(order), "runs", each_s=each_s)
        found: dict[str, list[RunRecord]] = {BASE: [], NEW: []}
        try:
            for turn in order:
                fresh = turn in to_play
                run = self._play(turn, out) if fresh else self._read(out / turn.name)
                found[turn.side].append(record(run))
                progress.step(fresh)
        finally:
            progress.close()
        return found[BASE], found[NEW]

    def _read(self, folder: Path) -> Sampled:
        return Sampled(read_run(folder), self.stage.objectives)

    def _play(self, turn: Turn, out: Path) -> Sampled:
        side = self.sides[turn.side]
        reasons: tuple[str, ...] = ()
        for tries in range(MOST_TRIES):
            if tries:
                say(f"{turn.name} is degraded, and played again: {words.clean(reasons[0])}")
            part = _empty(out / UNFINISHED)
            folder = replay_into(self.stage, side.policy, turn.seed, part, side.way)
            run = self._read(folder)
            if not run.degraded:
                _keep(folder, out / turn.name)
                return run
            reasons = run.degraded
        raise UnlikeError(f"{turn.name} is degraded, {MOST_TRIES} times: {words.clean(reasons[0])}")


def _finished(folder: Path) -> bool:
    """A run comes to its place only when it is whole."""
    return folder.is_dir()


def _empty(folder: Path) -> Path:
    """The folder, without what an earlier run left unfinished in it. Raises OutputError."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error
    return folder


def _keep(folder: Path, place: Path) -> None:
    """Move a whole run to its place. Raises OutputError."""
    try:
        folder.rename(place)
    except OSError as error:
        raise OutputError(f"{place}: cannot be made: {error.strerror}") from error
    shutil.rmtree(folder.parent, ignore_errors=True)


def _claim(out: Path, plan: dict[str, Any]) -> None:
    """Make the folder this comparison's. Raises UsageError if it is another's."""
    path = out / PLAN
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            save(path, to_json(plan).encode())
            return
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise OutputError(f"{out}: cannot be made or written to: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: not JSON: {error}") from error
    held = flat(found) if isinstance(found, dict) else {"plan": found}
    if other := differences(held, flat(json.loads(json.dumps(plan)))):
        raise UsageError(
            f"--out {out}: holds the runs of another comparison ({', '.join(other[:3])}): name another folder"
        )

"""A study as `tune.json` tells it: all that its page and its pictures need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from reports.reading.run import Clock
from reports.sweep.result import COST, GAIN
from reports.virtual.measures import MEASURES, Measure, number

Figure = float | str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A setting with the means of its measures; `trial` is None for today's own."""

    trial: int | None
    settings: dict[str, Any]
    feasible: bool
    mean: dict[str, Figure]

    def of(self, measure: Measure) -> float:
        """Its mean."""
        return number(self.mean[measure.name])


@dataclass(frozen=True, slots=True)
class Gained:
    """A measure on the held-out seeds, and how much better the winner does there."""

    today: Figure
    winner: Figure
    better_by: Figure
    half_width_95: Figure


@dataclass(frozen=True, slots=True)
class Course:
    """Calls a second over the run, offered and good under both, in bins between `edges_s`."""

    length_s: float
    clock: Clock | None
    edges_s: list[float]
    offered: list[float]
    today: list[float]
    winner: list[float]


@dataclass(frozen=True, slots=True)
class Told:
    """The fields of the document."""

    kind: Literal["tune"]
    title: str
    finding: str
    about: str
    verdict: str
    policy: str
    stages: list[dict[str, Any]]
    seeds: list[int]
    held_out_seeds: list[int]
    rungs: list[int]
    objectives: list[str]
    constraints: list[str]
    ranges: dict[str, list[Any]]
    today: dict[str, Any]
    winner: Line | None
    changed: dict[str, tuple[Any, Any]]
    held_out: dict[str, Gained] | None
    course: Course | None
    real: list[dict[str, Any]]
    front: list[Line]
    last: list[Line]
    trials: list[Line]

    def __post_init__(self) -> None:
        """What page and pictures ask of the whole. Raises ValueError."""
        if not any(line.trial is None for line in self.last):
            raise ValueError("today's settings are not among the last")
        names = list(self.todays.mean)
        if unknown := [name for name in (*names, *self.objectives) if name not in MEASURES]:
            raise ValueError(f"no such measure: {unknown[0]}")
        if not self.objectives or any(name not in names for name in (*self.objectives, GAIN.name, COST.name)):
            raise ValueError(f"objectives that are not told: {self.objectives}")
        won = [] if self.winner is None else [self.winner]
        if any(list(line.mean) != names for line in (*self.trials, *self.front, *self.last, *won)):
            raise ValueError("settings of other measures than today's")
        if any(name not in MEASURES for name in self.held_out or ()):
            raise ValueError("held_out: a measure that is unknown")
        if any(key not in self.today for key in self.ranges):
            raise ValueError("ranges: a key without today's value")

    @property
    def measures(self) -> list[Measure]:
        """What is told of every setting: the objectives first."""
        return [MEASURES[name] for name in self.todays.mean]

    @property
    def todays(self) -> Line:
        """Today's settings, on every seed of the search."""
        return next(line for line in self.last if line.trial is None)


def told(document: dict[str, Any]) -> Told:
    """The study of a document that was just made."""
    return msgspec.convert(document, Told)

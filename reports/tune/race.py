"""Racing: all on a few seeds, the best third on three times as many, until the last have seen every one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.figures.pareto import front, ranks
from reports.tune.spec import TuneSpec
from reports.tune.study import Tried
from reports.virtual.cell import Figures

#: Of those in the race, the part that stays in it.
KEPT = 3

#: Plays settings on seeds: the figures of each, in the order of the seeds.
PlayAll = Callable[[Sequence[Mapping[str, Any]], Sequence[int]], list[list[Figures]]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings, and how they did on the seeds they have played. `number` is None for today's own."""

    number: int | None
    settings: dict[str, Any]
    cells: tuple[Figures, ...]
    violations: tuple[float, ...]

    @property
    def feasible(self) -> bool:
        """Whether every constraint is kept."""
        return all(violation <= 0 for violation in self.violations)


@dataclass(frozen=True, slots=True)
class Raced:
    """How the race ended: all as they were on the first seeds, the last ones on every seed, and their front.

    `winner` is the one of the front with the best first objective; None where no candidate keeps every
    constraint. `today` is always among the last.
    """

    all: list[Candidate]
    last: list[Candidate]
    front: list[Candidate]
    winner: Candidate | None
    today: Candidate


def race(spec: TuneSpec, tried: Sequence[Tried], play: PlayAll) -> Raced:
    """Race the trials' settings, and today's beside them."""
    runners: dict[str, tuple[int | None, dict[str, Any]]] = {str({}): (None, {})}
    today = spec.stage.policy({}), spec.stage.queue({})
    for one in tried:
        if (spec.stage.policy(one.settings), spec.stage.queue(one.settings)) != today:
            runners.setdefault(str(one.settings), (one.number, one.settings))
    field = list(runners.values())
    first: list[Candidate] = []
    entered: list[Candidate] = []
    for seeds in spec.rungs:
        figures = play([settings for _, settings in field], spec.seeds[:seeds])
        entered = [candidate(spec, *one, cells) for one, cells in zip(field, figures, strict=True)]
        first = first or entered
        field = [(c.number, c.settings) for c in best(spec, entered)]
    feasible = [c for c in entered if c.feasible]
    kept = [c for c, is_on in zip(feasible, front([_point(spec, c) for c in feasible]), strict=True) if is_on]
    # Of equals today's settings win: a change that brings nothing is none.
    winner = max(kept, key=lambda c: (_point(spec, c), c.number is None), default=None)
    ours = next(c for c in entered if c.number is None)
    return Raced(first, entered, kept, winner, ours)


def candidate(
    spec: TuneSpec, number: int | None, settings: dict[str, Any], cells: Sequence[Figures]
) -> Candidate:
    """Settings with what their cells come to."""
    violations = tuple(constraint.violation(cells) for constraint in spec.constraints)
    return Candidate(number, settings, tuple(cells), violations)


def best(spec: TuneSpec, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The third that stays: who misses the constraints least, then by fronts; today's stays in any case."""
    order = ranks([_point(spec, c) for c in candidates])
    ranked = sorted(
        zip(candidates, order, strict=True),
        key=lambda pair: (
            sum(max(0.0, violation) for violation in pair[0].violations),
            pair[1],
            [math.inf if math.isnan(x) else -x for x in _point(spec, pair[0])],
        ),
    )
    kept = [c for c, _ in ranked[: math.ceil(len(ranked) / KEPT)]]
    return [*kept, *(c for c, _ in ranked if c.number is None and c not in kept)]


def _point(spec: TuneSpec, one: Candidate) -> tuple[float, ...]:
    """The objectives' means, each so that more is better."""
    return tuple(measure.side * measure.mean(one.cells) for measure in spec.objectives)

"""Studies, trials and races made up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.tune.constraint import parse
from reports.tune.race import PlayAll
from reports.tune.ranges import Range
from reports.tune.spec import TuneSpec
from reports.tune.study import Tried
from reports.virtual.cell import Figures
from reports.virtual.measures import MEASURES
from tests.reports.virtual import small

LIMIT, DEADLINE = "concurrency.limit", "deadline_s"


def spec(*constraints: str, folder: Path = Path(), **changes: Any) -> TuneSpec:
    """A study of the article's limit and deadline, on nine seeds."""
    made = TuneSpec(
        name="small",
        title="Small & <b>",
        finding="It finds.",
        stages=(small.stage(folder, policy=changes.pop("policy", "article")),),
        seeds=tuple(range(1, 10)),
        first_seeds=1,
        held_out=(11, 12, 13),
        ranges=(Range(LIMIT, 2, 200, whole=True), Range(DEADLINE, 5.0, 60.0, log=True)),
        objectives=(MEASURES["goodput"], MEASURES["tokens_per_good_call"]),
        constraints=tuple(map(parse, constraints)),
        trials=8,
        seed=1,
    )
    return replace(made, **changes)


def tried(*limits: int) -> list[Tried]:
    """Trials of these limits."""
    return [Tried(number, {LIMIT: limit, DEADLINE: 10.0}) for number, limit in enumerate(limits)]


Judge = Callable[[Mapping[str, Any], int], Figures]


class Played:
    """Plays settings as a judge says, and remembers what was asked."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.asked: list[tuple[list[Any], int]] = []

    def __call__(self, settings: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> list[list[Figures]]:
        self.asked.append(([some.get(LIMIT) for some in settings], len(seeds)))
        return [[self._judge(some, seed) for seed in seeds] for some in settings]


def by_limit(some: Mapping[str, Any], seed: int) -> Figures:
    """The higher the limit (today's is as 50), the more goodput, at the same price."""
    return small.figures(some.get(LIMIT, 50) / 10, 100.0, seed=seed)


def play_all(judge: Judge = by_limit) -> PlayAll:
    """The same, as the race asks for it."""
    return Played(judge)

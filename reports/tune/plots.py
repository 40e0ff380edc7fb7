"""Why the winner won: where it stands among all that was tried, and its evening beside today's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.drawing import axes as parts
from reports.drawing import style
from reports.drawing.canvas import Draw, Size
from reports.sweep.plots import widen
from reports.sweep.result import COST, GAIN
from reports.tune.told import Course, Line, Told
from reports.virtual.measures import MEASURES, Measure


def tried(told: Told) -> Draw:
    """Every setting by two objectives: what was tried, what lasted, today's and the winner."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        gain, cost = _pair([MEASURES[name] for name in told.objectives])
        ax.grid(visible=True, axis="x")
        ax.set_ylabel(_axis(gain))
        ax.set_xlabel(_axis(cost))
        marks = [
            (
                [c for c in told.trials if not c.feasible],
                Mark("x", style.OUTCOMES["rejected"], "misses a constraint"),
            ),
            ([c for c in told.trials if c.feasible], Mark("o", style.OK_PALE, "tried, on the first seeds")),
            ([told.todays], Mark("D", style.STORM, "today", 60)),
            ([] if told.winner is None else [told.winner], Mark("*", style.OK_DEEP, "winner", 190)),
        ]
        for some, mark in marks:
            _points(ax, _places(some, gain, cost), mark)
        kept = sorted(_places(told.front, gain, cost))
        if kept:
            xs, ys = zip(*kept, strict=True)
            ax.plot(xs, ys, color=style.OK, marker="o", label="front, on every seed")
        widen(ax, [c.of(cost) for c in told.trials])
        parts.legend(ax, 2 if size.narrow else 5)

    return draw


def _pair(objectives: Sequence[Measure]) -> tuple[Measure, Measure]:
    """The first two objectives; beside a single one what it costs, or brings."""
    if len(objectives) > 1:
        return objectives[0], objectives[1]
    other = COST if objectives[0].name != COST.name else GAIN
    return objectives[0], other


def courses(course: Course) -> Draw:
    """Calls offered and good over the run, on the held-out seeds: today's settings and the winner's."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        edges = course.edges_s
        ax.stairs(course.offered, edges, fill=True, color=style.OFFERED, alpha=0.45, linewidth=0)
        for rates, colour, label in (
            (course.offered, style.MUTED, "offered"),
            (course.today, style.STORM, "good, today"),
            (course.winner, style.OK, "good, winner"),
        ):
            ax.stairs(rates, edges, baseline=None, color=colour, linewidth=1.9, label=label)
        ax.set_ylim(0)
        ax.set_ylabel("calls per second")
        parts.time_axis(ax, course.clock, course.length_s, size)
        parts.legend(ax, 3)

    return draw


@dataclass(frozen=True, slots=True)
class Mark:
    """How points are drawn; `size` is their area in points."""

    shape: str
    colour: str
    label: str
    size: float = 26


def _places(some: Sequence[Line], gain: Measure, cost: Measure) -> list[tuple[float, float]]:
    places = [(c.of(cost), c.of(gain)) for c in some]
    return [(x, y) for x, y in places if math.isfinite(x) and math.isfinite(y)]


def _points(ax: Axes, places: Sequence[tuple[float, float]], mark: Mark) -> None:
    if places:
        xs, ys = zip(*places, strict=True)
        ax.scatter(xs, ys, s=mark.size, marker=mark.shape, color=mark.colour, label=mark.label, zorder=3)


def _axis(measure: Measure) -> str:
    better = "more" if measure.side > 0 else "less"
    return f"{measure.name.replace('_', ' ')} ({better} is better)"

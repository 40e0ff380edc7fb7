"""Why the winner won: where it stands among all that was tried, and its evening beside today's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.play.offer import clock_document
from reports.drawing import axes as parts
from reports.drawing import style
from reports.drawing.canvas import Draw, Size
from reports.reading.run import Clock, Floats
from reports.sweep.plots import widen
from reports.sweep.result import COST, GAIN
from reports.tune.race import Candidate
from reports.tune.result import Tuned
from reports.virtual.cell import Figures
from reports.virtual.measures import Measure

#: Bins of a course that are drawn at most.
MOST_BINS = 90


def tried(tuned: Tuned) -> Draw:
    """Every setting by two objectives: what was tried, what lasted, today's and the winner."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        gain, cost = _pair(tuned.spec.objectives)
        ax.grid(visible=True, axis="x")
        ax.set_ylabel(_axis(gain))
        ax.set_xlabel(_axis(cost))
        raced = tuned.raced
        marks = [
            (
                [c for c in raced.all if not c.feasible],
                Mark("x", style.OUTCOMES["rejected"], "misses a constraint"),
            ),
            ([c for c in raced.all if c.feasible], Mark("o", style.OK_PALE, "tried, on the first seeds")),
            ([raced.today], Mark("D", style.STORM, "today", 60)),
            ([] if raced.winner is None else [raced.winner], Mark("*", style.OK_DEEP, "winner", 190)),
        ]
        for some, mark in marks:
            _points(ax, _places(some, gain, cost), mark)
        kept = sorted(_places(raced.front, gain, cost))
        if kept:
            xs, ys = zip(*kept, strict=True)
            ax.plot(xs, ys, color=style.OK, marker="o", label="front, on every seed")
        widen(ax, [cost.mean(c.cells) for c in raced.all])
        parts.legend(ax, 2 if size.narrow else 5)

    return draw


def _pair(objectives: Sequence[Measure]) -> tuple[Measure, Measure]:
    """The first two objectives; beside a single one what it costs, or brings."""
    if len(objectives) > 1:
        return objectives[0], objectives[1]
    other = COST if objectives[0].name != COST.name else GAIN
    return objectives[0], other


def courses(tuned: Tuned) -> Draw:
    """Calls offered and good over the run, on the held-out seeds: today's settings and the winner's."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        held = tuned.held_out
        if held is None:
            return
        length_s = tuned.spec.stage.load.length_s
        seeds = len(tuned.spec.held_out)  # of the first stage
        edges, offered, today = course(held.today[:seeds], "good")
        _, _, winner = course(held.winner[:seeds], "good")
        ax.stairs(offered, edges, fill=True, color=style.OFFERED, alpha=0.45, linewidth=0)
        ax.stairs(offered, edges, baseline=None, color=style.MUTED, linewidth=1.0, label="offered")
        ax.stairs(today, edges, baseline=None, color=style.STORM, linewidth=1.9, label="good, today")
        ax.stairs(winner, edges, baseline=None, color=style.OK, linewidth=1.9, label="good, winner")
        ax.set_ylim(0)
        ax.set_ylabel("calls per second")
        parts.time_axis(ax, clock(tuned), length_s, size)
        parts.legend(ax, 3)

    return draw


def clock(tuned: Tuned) -> Clock | None:
    """The hours that the run stands for."""
    load = tuned.spec.stage.load
    found = clock_document(load.window, load.length_s)
    return None if found is None else Clock(**found)


def course(cells: Sequence[Figures], what: str) -> tuple[Floats, Floats, Floats]:
    """Bin edges in seconds, and the mean rates of calls offered and of `what` over the seeds."""
    bin_s = cells[0]["course"]["bin_s"]
    offered = np.mean([cell["course"]["offered"] for cell in cells], axis=0)
    found = np.mean([cell["course"][what] for cell in cells], axis=0)
    group = max(1, math.ceil(len(offered) / MOST_BINS))
    starts = np.arange(0, len(offered), group)
    edges = np.minimum(np.append(starts, len(offered)) * bin_s, cells[0]["duration_s"])
    widths = np.diff(edges)
    return edges, np.add.reduceat(offered, starts) / widths, np.add.reduceat(found, starts) / widths


@dataclass(frozen=True, slots=True)
class Mark:
    """How points are drawn; `size` is their area in points."""

    shape: str
    colour: str
    label: str
    size: float = 26


def _places(some: Sequence[Candidate], gain: Measure, cost: Measure) -> list[tuple[float, float]]:
    places = [(cost.mean(c.cells), gain.mean(c.cells)) for c in some]
    return [(x, y) for x, y in places if math.isfinite(x) and math.isfinite(y)]


def _points(ax: Axes, places: Sequence[tuple[float, float]], mark: Mark) -> None:
    if places:
        xs, ys = zip(*places, strict=True)
        ax.scatter(xs, ys, s=mark.size, marker=mark.shape, color=mark.colour, label=mark.label, zorder=3)


def _axis(measure: Measure) -> str:
    better = "more" if measure.side > 0 else "less"
    return f"{measure.name.replace('_', ' ')} ({better} is better)"

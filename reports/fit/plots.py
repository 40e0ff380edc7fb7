"""What was seen beside what was fitted: percentile curves of the laws, and the chances of failures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.drawing import axes as parts
from reports.drawing import style
from reports.drawing.canvas import Size, png
from reports.figures.quantiles import nines
from reports.fit.beside import Beside, Laws
from reports.fit.goodness import survived
from reports.fit.result import Result
from reports.reading.run import Floats

#: Panels in a row, and their size.
ACROSS = 2
_WIDTH_IN, _PANEL_IN = 10.0, 3.4

#: Points of a curve: more cannot be seen.
_POINTS = 300

#: Ticks of a decade, from the most to the fewest, and how many a panel has room for.
_STEPS = ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
_MOST_TICKS = 7
_MOST_RULES = 12


def picture(laws: Laws, result: Result) -> bytes:
    """A PNG: a panel for each law, and one for the failures where there were any."""
    panels = [partial(_curves, law=law) for law in laws]
    if result["failures"]:
        panels.append(partial(_chances, failures=result["failures"]))
    down = -(-len(panels) // ACROSS)

    def draw(figure: Figure, size: Size) -> None:
        del size
        places = figure.subplots(down, ACROSS, squeeze=False).ravel()
        for ax, panel in zip(places, panels, strict=False):
            panel(ax)
        for ax in places[len(panels) :]:
            ax.set_axis_off()

    return png(draw, Size(_WIDTH_IN, _PANEL_IN * down, 7))


def _curves(ax: Axes, law: Beside) -> None:
    """Quantiles over shares: what was seen as far as it goes, and the law over it."""
    values, shares = _thinned(*survived(law.seen, law.cut))
    n = law.goodness.n
    ax.plot(nines(shares), values, color=style.OFFERED, linewidth=5, label=f"seen, n = {n:,}")
    at = np.linspace(0.002, 1 - 1 / max(n, 20), _POINTS)
    # Even on the axis of nines: its right end is where the law is told least.
    at = np.unique(np.concatenate((at, 1 - 10 ** -np.linspace(0.05, np.log10(max(n, 20)), _POINTS))))
    ax.plot(
        nines(at),
        [law.law.quantile(float(share)) for share in at],
        color=style.STORM,
        linewidth=1.4,
        label=f"fitted, KS {law.goodness.distance:.3f}",
    )
    ax.set_yscale("log")
    ax.set_ylim(max(float(np.quantile(law.seen, 0.002)) * 0.8, 1e-3), float(law.seen.max()) * 1.3)
    _round_ticks(ax)
    parts.nines_axis(ax, n)
    ax.set_xlabel("percentile")
    ax.set_title(f"{law.name}, {law.unit}")
    ax.legend(loc="lower right")


def _round_ticks(ax: Axes) -> None:
    """Ticks at round numbers, as many as a panel has room for."""
    low, high = ax.get_ylim()
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in _STEPS:
        at = [step * 10.0**decade for decade in decades for step in steps]
        shown = [value for value in at if low <= value <= high]
        if len(shown) <= _MOST_TICKS:
            break
    ax.set_yticks(shown, [f"{value:,.6g}" for value in shown])
    ax.set_yticks([], minor=True)


def _thinned(values: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Some of the points of a curve, as many as can be seen; without the last, which has no share left."""
    kept = shares < 1 - 1e-12
    values, shares = values[kept], shares[kept]
    if len(values) <= 4 * _POINTS:
        return values, shares
    at = np.searchsorted(nines(shares), np.linspace(0, float(nines(shares)[-1]), 4 * _POINTS))
    at = np.unique(np.minimum(at, len(values) - 1))
    return values[at], shares[at]


def _chances(ax: Axes, failures: Sequence[dict[str, Any]]) -> None:
    """The chance of each failure with its 95 % interval, and how often it was seen."""
    ax.set_title("failures, % of the requests that could meet them")
    shown = sorted(failures, key=lambda one: -one["probability"])[:_MOST_RULES][::-1]
    at = np.arange(len(shown))
    for y, one in zip(at, shown, strict=True):
        ax.plot([100 * one["low"], 100 * one["high"]], [y, y], color=style.STORM, linewidth=1.6)
    seen = [100 * one["count"] / one["among"] for one in shown]
    ax.plot(seen, at, linestyle="none", marker="o", markersize=8, color=style.OFFERED, label="seen")
    ax.plot(
        [100 * one["probability"] for one in shown],
        at,
        linestyle="none",
        marker="o",
        markersize=3.5,
        color=style.STORM,
        label="fitted, 95 %",
    )
    ax.set_yticks(at, [parts.cut(one["name"]) for one in shown])
    ax.set_ylim(-0.7, len(shown) - 0.3)
    ax.set_xlim(0, max(100 * max(one["high"] for one in shown) * 1.08, 0.1))
    ax.set_xlabel("%")
    ax.grid(axis="x")
    ax.legend(loc="lower right")

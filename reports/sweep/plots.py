"""Heat maps of a measure over two keys, a line where there is one, and the front of what nothing beats."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from reports import style
from reports.canvas import Draw, Size
from reports.sweep.result import COST, GAIN, Row, matrix, shown
from reports.sweep.spec import SweepSpec
from reports.virtual.measures import MEASURES, Measure, figure_text

#: What the heat maps show.
MAPPED = ("goodput", "call_latency.p99", "amplification")
NAMES = {
    "goodput": "goodput, calls a second",
    "call_latency.p99": "call latency p99, ok calls",
    "amplification": "amplification, attempts a call",
    "tokens_per_good_call": "tokens billed for a good call",
}

_GOOD = LinearSegmentedColormap.from_list("good", ["#f6f8fa", "#9cc3de", style.OK, "#124a70"])
_BAD = LinearSegmentedColormap.from_list("bad", ["#f6f8fa", "#f0c3a6", style.STORM, "#8a2f10"])

#: Above this share of the range a cell is dark, and its number white.
_DARK = 0.55
#: Labels of points in the Pareto picture at most.
_MOST_LABELS = 12


def varied(spec: SweepSpec) -> list[str]:
    """The keys of the grid that have more than one value."""
    return [key for key, values in spec.grid.items() if len(values) > 1]


def measured(spec: SweepSpec, rows: Sequence[Row]) -> Draw:
    """Goodput, p99 and amplification over the grid: heat maps over its first two keys, or lines over one."""
    keys = varied(spec) or list(spec.grid)[:1]

    def draw(figure: Figure, size: Size) -> None:
        across = (1, len(MAPPED)) if size.narrow else (len(MAPPED), 1)
        panels = figure.subplots(across[1], across[0], squeeze=False).ravel()
        for ax, name in zip(panels, MAPPED, strict=True):
            ax.set_title(NAMES[name])
            if len(keys) > 1:
                _heat(ax, spec, rows, keys[0], keys[1], MEASURES[name])
            else:
                _line(ax, spec, rows, keys[0], MEASURES[name])

    return draw


def pareto(rows: Sequence[Row]) -> Draw:
    """Goodput against what it costs; the settings that nothing beats in both stand on the line."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        ax.grid(visible=True, axis="x")
        ax.set_xlabel(NAMES[COST.name])
        ax.set_ylabel(NAMES[GAIN.name])
        places = [(row.mean(COST), row.mean(GAIN), row) for row in rows]
        finite = [place for place in places if math.isfinite(place[0])]
        others = [(x, y) for x, y, row in finite if not row.pareto]
        if others:
            xs_beaten, ys_beaten = zip(*others, strict=True)
            ax.scatter(xs_beaten, ys_beaten, s=26, color=style.OFFERED, label="beaten in both")
        kept = sorted((x, y, row.label) for x, y, row in finite if row.pareto)
        if kept:
            xs, ys, labels = zip(*kept, strict=True)
            ax.plot(xs, ys, color=style.OK, marker="o", markersize=6, label="nothing beats these in both")
            _label(ax, xs, ys, labels, narrow=size.narrow)
        ax.margins(0.12, 0.12)
        ax.legend(loc="lower right")

    return draw


def _label(
    ax: Axes, xs: Sequence[float], ys: Sequence[float], labels: Sequence[str], *, narrow: bool
) -> None:
    """Names beside the points of the front, as far as they fit."""
    if narrow or len(labels) > _MOST_LABELS:
        return
    for x, y, text in zip(xs, ys, labels, strict=True):
        ax.annotate(text, (x, y), xytext=(6, -4), textcoords="offset points", fontsize=7.5, va="top")


def _heat(ax: Axes, spec: SweepSpec, rows: Sequence[Row], down: str, across: str, of: Measure) -> None:
    values = matrix(rows, down, across, spec.grid, of)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    norm = Normalize(low, high if high > low else low + 1)
    colours: Colormap = _GOOD if of.side > 0 else _BAD
    ax.imshow(np.where(np.isfinite(values), values, np.nan), cmap=colours, norm=norm, aspect="auto")
    ax.grid(visible=False)
    ax.set_xticks(range(values.shape[1]), [shown(v) for v in spec.grid[across]])
    ax.set_yticks(range(values.shape[0]), [shown(v) for v in spec.grid[down]])
    ax.set_xlabel(across)
    ax.set_ylabel(down)
    for (i, j), value in np.ndenumerate(values):
        dark = math.isfinite(value) and norm(value) > _DARK
        colour = style.PAPER if dark else style.INK
        ax.text(j, i, figure_text(value, of), ha="center", va="center", fontsize=8, color=colour)


def _line(ax: Axes, spec: SweepSpec, rows: Sequence[Row], key: str, of: Measure) -> None:
    """A mean with the range of the seeds, at even steps: values of a key may be words."""
    places = np.arange(len(spec.grid[key]))
    colour = style.OK if of.side > 0 else style.STORM
    by_seed = np.array([[of.of(cell) for cell in row.cells] for row in rows])
    known = np.where(np.isfinite(by_seed), by_seed, np.nan)
    low, high = known.min(axis=1), known.max(axis=1)
    ax.plot(places, known.mean(axis=1), color=colour, marker="o", markersize=4)
    ax.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
    ax.set_xticks(places, [shown(v) for v in spec.grid[key]])
    ax.set_ylim(0)
    ax.set_xlabel(key)

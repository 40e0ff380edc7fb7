"""Heat maps of a measure over two keys, a line where there is one, and the front of what nothing beats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from reports.drawing import axes as parts
from reports.drawing import style
from reports.drawing.canvas import Draw, Size
from reports.sweep.result import COST, GAIN, Matrix, Row, matrix, numbered, shown
from reports.virtual.measures import MEASURES, Measure, figure_text

Grid = dict[str, list[Any]]

#: What the heat maps show.
MAPPED = ("goodput", "call_latency.p99", "amplification")
NAMES = {
    "goodput": "goodput, calls a second",
    "call_latency.p99": "p99 of ok calls, seconds",
    "amplification": "attempts a call",
    "tokens_per_good_call": "tokens billed for a good call",
}

_GOOD = LinearSegmentedColormap.from_list("good", ["#f6f8fa", "#9cc3de", style.OK, "#124a70"])
_BAD = LinearSegmentedColormap.from_list("bad", ["#f6f8fa", "#f0c3a6", style.STORM, "#8a2f10"])

#: Costs that differ by more stand on a logarithmic axis.
_MANY_TIMES = 4
#: Points of the front closer than this, in inches across and up, have one label.
_NEAR_IN = (0.45, 0.17)

#: Of a panel's width and height, what its labels leave; a letter's width, of its height; the least that is
#: read on a desk and on a phone, and the usual size of a tick's label, in points.
_INSIDE = 0.68
_LETTER = 0.62
_LEAST_PT, _LEAST_PHONE_PT = 5.5, 9.0
_TICK_PT = 8.5
#: Of a value under or beside a panel.
_MOST_LETTERS = 20


def varied(grid: Grid) -> list[str]:
    """The keys of the grid that have more than one value."""
    return [key for key, values in grid.items() if len(values) > 1]


def measured(grid: Grid, rows: Sequence[Row]) -> Draw:
    """Goodput, p99 and amplification over the grid: heat maps over its first two keys, or lines over one."""
    keys = varied(grid) or list(grid)[:1]

    def draw(figure: Figure, size: Size) -> None:
        across = (1, len(MAPPED)) if size.narrow else (len(MAPPED), 1)
        panels = figure.subplots(across[1], across[0], squeeze=False).ravel()
        panel = Panel(
            size.width_in / across[0] * _INSIDE,
            size.height_in / across[1] * _INSIDE,
            _LEAST_PHONE_PT if size.narrow else _LEAST_PT,
        )
        for ax, name in zip(panels, MAPPED, strict=True):
            ax.set_title(NAMES[name])
            if len(keys) > 1:
                _heat(ax, panel, matrix(rows, keys[0], keys[1], grid, MEASURES[name]), MEASURES[name])
                _down(ax, panel, keys[0], grid[keys[0]])
                _across(ax, panel, keys[1], grid[keys[1]])
            else:
                _line(ax, rows, MEASURES[name])
                _across(ax, panel, keys[0], grid[keys[0]])

    return draw


@dataclass(frozen=True, slots=True)
class Panel:
    """The room inside a panel's axes, in inches, and the smallest text that is read there, in points."""

    width_in: float
    height_in: float
    least_pt: float


def pareto(rows: Sequence[Row]) -> Draw:
    """Goodput against what it costs; the settings that nothing beats in both have the table's numbers."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        ax.grid(visible=True, axis="x")
        ax.set_xlabel(NAMES[COST.name])
        ax.set_ylabel(NAMES[GAIN.name])
        places = [(row.mean(COST), row.mean(GAIN), number) for number, row in numbered(rows)]
        finite = [place for place in places if math.isfinite(place[0])]
        others = [(x, y) for x, y, number in finite if number is None]
        if others:
            xs_beaten, ys_beaten = zip(*others, strict=True)
            ax.scatter(xs_beaten, ys_beaten, s=26, color=style.OUTCOMES["rejected"], label="beaten in both")
        kept = [(x, y, number) for x, y, number in finite if number is not None]
        if kept:
            xs, ys, _ = zip(*kept, strict=True)
            ax.plot(xs, ys, color=style.OK, marker="o", markersize=6, label="nothing beats these in both")
        widen(ax, [x for x, _, _ in finite])
        ax.margins(0.1, 0.14)
        for x, y, text in _labels(ax, kept, size):
            # To the upper left of the front there is nothing: it would beat what is on it.
            above: dict[str, Any] = {"xytext": (-4, 4), "textcoords": "offset points", "ha": "right"}
            ax.annotate(text, (x, y), fontsize=rcParams["legend.fontsize"], **above)
        if not finite:
            ax.set_xticks([])
            ax.set_yticks([])
        if len(finite) < len(places):
            endless = f"{len(places) - len(finite)} without a good call: no cost to show"
            ax.plot([], [], linestyle="none", label=endless)
        parts.legend(ax, 3)

    return draw


def widen(ax: Axes, values: Sequence[float]) -> None:
    """A logarithmic x axis where the values differ by several times."""
    finite = [value for value in values if math.isfinite(value) and value > 0]
    if finite and max(finite) > _MANY_TIMES * min(finite):
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(_plain)
        ax.xaxis.set_minor_formatter(_plain)


def _plain(value: float, _: object) -> str:
    """A cost on a logarithmic axis; only round ones are written."""
    digits = f"{value:.0e}"[0]
    return f"{value:,.10g}" if digits in "125" else ""


def _labels(ax: Axes, kept: Sequence[tuple[float, float, int]], size: Size) -> list[tuple[float, float, str]]:
    """The numbers of the front's points and where they stand; neighbours too close for two share one."""
    found: list[tuple[float, float, list[int]]] = []
    ax.autoscale_view()
    last_at = (math.inf, math.inf)
    for x, y, number in kept:
        right, up = ax.transAxes.inverted().transform(ax.transData.transform((x, y)))
        away_in = abs(right - last_at[0]) * size.width_in, abs(up - last_at[1]) * size.height_in
        if away_in[0] < _NEAR_IN[0] and away_in[1] < _NEAR_IN[1]:
            found[-1][2].append(number)
        else:
            found.append((x, y, [number]))
            last_at = (right, up)
    return [(x, y, str(n[0]) if len(n) == 1 else f"{n[0]}–{n[-1]}") for x, y, n in found]


def _heat(ax: Axes, panel: Panel, values: Matrix, of: Measure) -> None:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    norm = Normalize(low, high if high > low else low + 1)
    colours: Colormap = _GOOD if of.side > 0 else _BAD
    # As an image, two maps that look the same would have the same id on the page.
    down, across = (np.arange(count + 1) - 0.5 for count in values.shape)
    known = np.where(np.isfinite(values), values, np.nan)
    ax.pcolormesh(across, down, known, cmap=colours, norm=norm, edgecolors="face", linewidth=0.3)
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.set_facecolor(style.FAINT)  # behind what cannot be told
    texts = [[figure_text(value, of) for value in line] for line in values]
    longest = max(len(text) for line in texts for text in line)
    points = min(max(_TICK_PT, panel.least_pt), _fitting(panel.width_in / values.shape[1], longest + 1))
    if min(points, _fitting(panel.height_in / values.shape[0], 1 / _LETTER)) < panel.least_pt:
        if finite.size:
            ax.set_title(f"{NAMES[of.name]}\n{figure_text(low, of)} to {figure_text(high, of)}")
        return
    for (i, j), value in np.ndenumerate(values):
        colour = style.on_tile(*colours(norm(value))[:3]) if math.isfinite(value) else style.INK
        ax.text(j, i, texts[i][j], ha="center", va="center", fontsize=points, color=colour)


def _fitting(width_in: float, letters: float) -> float:
    """The size of text, in points, of which so many letters are so wide."""
    return 72 * width_in / (_LETTER * letters)


def _across(ax: Axes, panel: Panel, key: str, values: Sequence[Any]) -> None:
    """The values of a key under a panel: slanted, and only some of them, where they are too wide."""
    texts = [_cut(shown(value)) for value in values]
    level = _fitting(panel.width_in / len(texts), max(map(len, texts)) + 1) >= _TICK_PT
    step = 1 if level else math.ceil(len(texts) * _TICK_PT * 1.3 / 72 / panel.width_in)
    places = range(0, len(texts), step)
    turned: dict[str, Any] = {} if level else {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(places, [texts[place] for place in places], **turned)
    ax.set_xlabel(key)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"


def _down(ax: Axes, panel: Panel, key: str, values: Sequence[Any]) -> None:
    """The values of a key beside a panel, as many as there is room for."""
    step = math.ceil(len(values) * _TICK_PT * 1.3 / 72 / panel.height_in)
    places = range(0, len(values), step)
    ax.set_yticks(places, [_cut(shown(values[place])) for place in places])
    ax.set_ylabel(key)


def _line(ax: Axes, rows: Sequence[Row], of: Measure) -> None:
    """A mean with the range of the seeds, at even steps: values of a key may be words."""
    places = range(len(rows))
    colour = style.OK if of.side > 0 else style.STORM
    by_seed = np.array([row.measured[of.name] for row in rows])
    known = np.where(np.isfinite(by_seed), by_seed, np.nan)
    least, most = known.min(axis=1), known.max(axis=1)
    if all(isinstance(value, int | float) for row in rows for value in row.settings.values()):
        ax.plot(places, known.mean(axis=1), color=colour, marker="o", markersize=4)
        ax.fill_between(places, least, most, color=colour, alpha=0.15, linewidth=0)
    else:  # words have no order that a line could follow
        ax.plot(places, known.mean(axis=1), color=colour, marker="o", markersize=6, linestyle="none")
        ax.vlines(places, least, most, color=colour, alpha=0.3, linewidth=4)
        ax.set_xlim(-0.5, len(rows) - 0.5)
    ax.set_ylim(0)
    for place, row in zip(places, rows, strict=True):
        if not math.isfinite(mean := row.mean(of)):
            ax.text(place, 0, figure_text(mean, of), ha="center", va="bottom", color=style.MUTED)

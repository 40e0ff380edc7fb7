"""Parts that several plots share: the axes of time, of latency (with a row for failures) and of nines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from reports.drawing import hours, style
from reports.drawing.canvas import Size
from reports.figures.quantiles import nines
from reports.reading.run import Clock

LATENCY_TICKS_S = (0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 1000)
NINES_TICKS = (
    (0.0, "0"),
    (0.5, "50"),
    (0.9, "90"),
    (0.95, "95"),
    (0.99, "99"),
    (0.999, "99.9"),
    (0.9999, "99.99"),
)

#: With so few ticks an axis belongs to a narrow panel.
CROWDED_TICKS = 4

#: Shorter ones are written in milliseconds.
FEWEST_SECONDS = 0.1

#: Of a legend's entry: a letter's width, and what its line and the gaps take; of the panel it may have.
LETTER_EM, _AROUND_EM = 0.57, 3.6
ROOM = 1.16

#: Of the name of a run in a picture.
MOST_LETTERS = 28

#: The row for failed calls stands this factor above the slowest ok call.
FAILED_ROW = 1.7


def time_axis(axes: Axes, clock: Clock | None, window_s: float, size: Size) -> None:
    """Bound the x axis by the arrival window and tick it at round times."""
    ticks = hours.axis(clock, window_s, size.ticks)
    axes.set_xlim(0, window_s)
    axes.set_xticks([at for at, _ in ticks.ticks], [label for _, label in ticks.ticks])
    axes.set_xlabel(ticks.label)
    if size.ticks <= CROWDED_TICKS:
        _tuck_in(axes, window_s)


def _tuck_in(axes: Axes, window_s: float) -> None:
    """Keep the outer labels within the axis, where a neighbouring panel begins."""
    for at, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True):
        if at <= 0:
            label.set_horizontalalignment("left")
        elif at >= window_s:
            label.set_horizontalalignment("right")


def legend(axes: Axes, columns: int) -> bool:
    """A legend above the plot, to the left, where it covers no data; none of nothing.

    Whether one row was enough for it.
    """
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return True
    fit = fitting(labels, columns, _room_em(axes))
    _legend(axes, handles, labels, fit)
    return fit >= len(labels)


def cut(text: str) -> str:
    """The name of a run in a picture, where one without an end would leave no room for anything else."""
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"


def fitting(labels: Sequence[str], most: int, room_em: float) -> int:
    """How many columns of a legend, `most` at most, there is room for; filled column by column."""
    for columns in range(min(most, len(labels)), 1, -1):
        filled = np.array_split([len(label) for label in labels], columns)
        if sum(_AROUND_EM + LETTER_EM * letters.max() for letters in filled) <= room_em:
            return columns
    return 1


def _room_em(axes: Axes) -> float:
    """The width of a panel and its labels, in sizes of a legend's text; before it is laid out, about."""
    width_in = axes.figure.get_window_extent().width / axes.figure.dpi
    return float(axes.get_position().width * ROOM * width_in * 72 / rcParams["legend.fontsize"])


def named(axes: Axes, name: str, colour: str) -> None:
    """The name of what a panel shows above it, with a line of its colour."""
    _legend(axes, [Line2D([], [], color=colour, linewidth=2.5)], [cut(name)], 1)


def _legend(axes: Axes, handles: Sequence[Artist], labels: Sequence[str], columns: int) -> None:
    axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=columns,
        borderaxespad=0.2,
        handlelength=1.4,
        columnspacing=1.4,
    )


def failed_row_s(slowest_s: Iterable[float]) -> float:
    """Where infinite latencies are drawn: a little above the slowest finite ones, zero where none is."""
    return (max(slowest_s, default=0.0) or 1.0) * FAILED_ROW


def latency_axis(axes: Axes, fastest_s: Iterable[float], failed_s: float, *, with_failures: bool) -> None:
    """A logarithmic y axis in seconds whose top row, if any call failed, is for failures.

    It begins below the least of `fastest_s`, which are infinite where nothing was fast or slow.
    """
    fastest = min(fastest_s, default=math.inf)
    top = failed_s * (1.25 if with_failures else 1 / FAILED_ROW * 1.15)
    bottom = min(fastest * 0.8, top / 10)
    # Bounds first: the scale would otherwise look for positive data, of which there may be none.
    axes.set_ylim(bottom, top)
    axes.set_yscale("log")
    ticks = [t for t in LATENCY_TICKS_S if bottom <= t <= failed_s / FAILED_ROW]
    labels = [_seconds(t) for t in ticks]
    if with_failures:
        ticks.append(failed_s)
        labels.append("failed")
        axes.axhspan(failed_s / 1.25, top, color=style.STORM, alpha=0.09, linewidth=0)
    axes.set_yticks(ticks, labels)
    axes.set_yticks([], minor=True)


def _seconds(value: float) -> str:
    return f"{value:g} s" if value >= FEWEST_SECONDS else f"{1000 * value:g} ms"


def nines_axis(axes: Axes, samples: int) -> None:
    """A percentile axis on which every nine is as wide as the last."""
    last = max(1.0, math.log10(max(samples, 10)))
    ticks = [(float(nines([q])[0]), label) for q, label in NINES_TICKS]
    shown = [(at, label) for at, label in ticks if at <= last + 1e-9]
    axes.set_xlim(0, last)
    axes.set_xticks([at for at, _ in shown], [label for _, label in shown])
    axes.set_xlabel("percentile of calls")

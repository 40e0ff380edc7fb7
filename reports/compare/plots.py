"""Plots of several runs over each other, and the one picture of all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from reports.compare.result import Compared
from reports.drawing import axes as parts
from reports.drawing import style
from reports.drawing.canvas import HALF, Draw, Size
from reports.summary import plots

POSTER = Size(14.0, 9.0, 9)
POSTER_PANEL_TICKS = 3
PHONE_LEGEND_COLUMNS = 2


def goodput(compared: Sequence[Compared]) -> Draw:
    """Calls ok in time a second, against what was offered."""
    return lambda figure, size: _goodput(figure.add_subplot(), compared, size)


def latency(compared: Sequence[Compared]) -> Draw:
    """Rolling p95 of all calls, failures in the top row."""
    return lambda figure, size: _latency(figure.add_subplot(), compared, size)


def curves(compared: Sequence[Compared]) -> Draw:
    """Percentile curves over all calls."""

    def draw(figure: Figure, size: Size) -> None:
        _curves(figure.add_subplot(), compared, size)

    return draw


def outcomes(compared: Sequence[Compared]) -> Draw:
    """Outcomes stacked, one panel a run, on one scale; one below the other on a phone."""

    def draw(figure: Figure, size: Size) -> None:
        across, down = (1, len(compared)) if size.narrow else (len(compared), 1)
        panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        _outcomes(
            list(panels), compared, Size(size.width_in / across, size.height_in / down, size.ticks // across)
        )
        for ax in panels:
            ax.label_outer()
        figure.legend(
            handles=_outcome_patches(compared),
            loc="outside upper left",
            ncols=PHONE_LEGEND_COLUMNS + 1 if size.narrow else 8,
            handlelength=1.2,
        )

    return draw


def backlog(compared: Sequence[Compared]) -> Draw:
    """Tasks that waited in the queue of each run that has one, until it was drained."""
    return lambda figure, size: _backlog(figure.add_subplot(), compared, size)


def poster(compared: Sequence[Compared], title: str, subtitle: str) -> Draw:
    """All four in one picture, under a title; a fifth where a run has a queue."""

    def draw(figure: Figure, size: Size) -> None:
        figure.text(0.014, 0.984, title, fontsize=19, fontweight="bold", va="top")
        figure.text(0.0145, 0.941, subtitle, fontsize=11, color=style.MUTED, va="top")
        below_title = (0.008, 0.008, 0.984, 0.9)
        figure.set_layout_engine(ConstrainedLayoutEngine(rect=below_title, hspace=0.06, wspace=0.03))
        grid = figure.add_gridspec(2, 1, height_ratios=(1, 1))
        top = grid[0].subgridspec(1, 2, width_ratios=(2.0, 1))
        bottom = grid[1].subgridspec(1, 2, width_ratios=(1.0, 1.25))
        _goodput(_titled(figure.add_subplot(top[0]), "Goodput: calls that ended ok in time"), compared, size)
        curves = _titled(figure.add_subplot(top[1]), "Latency by percentile, all calls")
        if not _curves(curves, compared, size) and (wrapped := curves.get_legend()):
            wrapped.remove()  # a second row would reach into the title; the panel beside it has the same
        latencies = bottom[0]
        if has_queue(compared):
            halves = bottom[0].subgridspec(2, 1)
            latencies = halves[0]
            _backlog(_titled(figure.add_subplot(halves[1]), "Waiting in the queue"), compared, HALF)
        _latency(_titled(figure.add_subplot(latencies), "Call latency p95, all calls"), compared, HALF)
        panels = bottom[1].subgridspec(1, len(compared)).subplots(sharey=True, squeeze=False).ravel()
        _outcomes(list(panels), compared, Size(HALF.width_in, HALF.height_in, POSTER_PANEL_TICKS))
        panels[0].text(
            0, 1.205, "How the calls ended", transform=panels[0].transAxes, fontsize=11.5, weight="bold"
        )
        name = panels[0].get_legend()
        legend = panels[0].legend(
            handles=_outcome_patches(compared),
            loc="lower left",
            bbox_to_anchor=(-0.02, 1.11),
            ncols=8,
            handlelength=1.0,
            columnspacing=1.1,
            borderaxespad=0,
        )
        # It is wider than its panel, whose width must not grow for it.
        legend.set_in_layout(False)
        if name is not None:
            panels[0].add_artist(name)  # an axes keeps one legend

    return draw


def has_queue(compared: Sequence[Compared]) -> bool:
    """Whether any of the runs went through one."""
    return any(c.timeline.backlog is not None for c in compared)


def _titled(ax: Axes, title: str) -> Axes:
    ax.set_title(title, fontsize=11.5, pad=24)
    return ax


def _goodput(ax: Axes, compared: Sequence[Compared], size: Size) -> None:
    first = compared[0].timeline
    ax.stairs(first.offered, first.edges_s, fill=True, color=style.OFFERED, alpha=0.45, linewidth=0)
    ax.stairs(first.offered, first.edges_s, baseline=None, color=style.MUTED, linewidth=1.0, label="offered")
    for c, colour in _coloured(compared):
        ax.stairs(
            c.timeline.good,
            c.timeline.edges_s,
            baseline=None,
            color=colour,
            linewidth=1.9,
            label=parts.cut(c.label),
        )
    ax.set_ylim(0)
    ax.set_ylabel("calls per second")
    _time(ax, compared, size)
    parts.legend(ax, _columns(compared, size))


def _latency(ax: Axes, compared: Sequence[Compared], size: Size) -> None:
    failed_s = parts.failed_row_s(c.timeline.latencies.slowest_s for c in compared)
    for c, colour in _coloured(compared):
        rolling = c.timeline.latency
        shown = np.where(np.isinf(rolling.p95), failed_s, rolling.p95)
        ax.plot(rolling.at_s, shown, color=colour, linewidth=2.0, label=parts.cut(c.label))
    _latency_axis(ax, compared, failed_s)
    _time(ax, compared, size)
    parts.legend(ax, _columns(compared, size))


def _backlog(ax: Axes, compared: Sequence[Compared], size: Size) -> None:
    for c, colour in _coloured(compared):
        if c.timeline.backlog is not None:
            plots.draw_backlog(ax, c.timeline.backlog, colour=colour, label=parts.cut(c.label))
    ax.set_ylabel("tasks that wait")
    longest = max(compared, key=lambda c: c.timeline.window_s)
    clock = longest.run.manifest.schedule.clock
    plots.backlog_time(ax, [c.timeline for c in compared], clock, size)
    parts.legend(ax, _columns(compared, size))


def _curves(ax: Axes, compared: Sequence[Compared], size: Size) -> bool:
    """Whether one row was enough for the legend."""
    failed_s = parts.failed_row_s(c.timeline.latencies.slowest_s for c in compared)
    for c, colour in _coloured(compared):
        plots.draw_curve(ax, c.timeline.latencies.every, failed_s, colour=colour, label=parts.cut(c.label))
    _latency_axis(ax, compared, failed_s)
    parts.nines_axis(ax, max(c.timeline.latencies.calls for c in compared))
    ax.grid(visible=True, axis="x")
    return parts.legend(ax, _columns(compared, size))


def _outcomes(panels: Sequence[Axes], compared: Sequence[Compared], size: Size) -> None:
    for ax, (c, colour) in zip(panels, _coloured(compared), strict=True):
        plots.stack_outcomes(ax, c.timeline)
        # Text in the run's own colour would be too pale to read: a line of it stands before its name.
        parts.named(ax, c.label, colour)
        _time(ax, compared, size)
    panels[0].set_ylabel("calls per second")


def _outcome_patches(compared: Sequence[Compared]) -> list[Patch]:
    names = dict.fromkeys(name for c in compared for name in c.timeline.outcomes)
    ordered = sorted(
        names, key=lambda n: list(style.OUTCOMES).index(n) if n in style.OUTCOMES else len(names)
    )
    return [Patch(color=style.outcome(name), label=name) for name in ordered]


def _coloured(compared: Sequence[Compared]) -> list[tuple[Compared, str]]:
    colours = style.runs([c.run.manifest.policy.name for c in compared])
    return list(zip(compared, colours, strict=True))


def _latency_axis(ax: Axes, compared: Sequence[Compared], failed_s: float) -> None:
    found = [c.timeline.latencies for c in compared]
    any_failed = any(one.failed for one in found)
    parts.latency_axis(ax, (one.fastest_s for one in found), failed_s, with_failures=any_failed)


def _time(ax: Axes, compared: Sequence[Compared], size: Size) -> None:
    longest = max(compared, key=lambda c: c.timeline.window_s)
    parts.time_axis(ax, longest.run.manifest.schedule.clock, longest.timeline.window_s, size)


def _columns(compared: Sequence[Compared], size: Size) -> int:
    return PHONE_LEGEND_COLUMNS if size.narrow else len(compared) + 1

"""The plots of one run. Each draws a Timeline's series into a figure it is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from reports.drawing import axes as parts
from reports.drawing import style
from reports.drawing.canvas import Draw, Size
from reports.figures import queueing
from reports.figures.checks import LAG_LIMIT_MS
from reports.figures.injected import Injected
from reports.figures.quantiles import nines
from reports.figures.queueing import Backlog
from reports.reading.run import Clock
from reports.summary.latencies import Curve, Latencies
from reports.summary.timeline import Timeline

#: More dots than this are drawn as one picture inside the SVG.
MOST_VECTOR_DOTS = 1500
FEWEST_LEGEND_COLUMNS = 2

#: Above the highest line, where the names of injected faults stand.
ROOM_FOR_NAMES = 1.15

#: A bound further above what it bounds is not drawn.
FAR = 2


def evening(
    t: Timeline,
    clock: Clock | None,
    intended: list[tuple[float, float]] | None,
    faults: Sequence[Injected] = (),
) -> Draw:
    """What was offered, what the API was sent, what customers got; when faults were injected by hand."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        for fault in faults:
            ax.axvspan(fault.from_s, min(fault.to_s, t.window_s), color=style.STORM, alpha=0.14, linewidth=0)
        ax.stairs(t.offered, t.edges_s, fill=True, color=style.OFFERED, alpha=0.75, linewidth=0)
        ax.stairs(
            t.offered, t.edges_s, baseline=None, color=style.MUTED, linewidth=1.0, label="calls offered"
        )
        ax.stairs(t.good, t.edges_s, fill=True, color=style.OK, alpha=0.85, label="ok in time (goodput)")
        if not np.array_equal(t.ok, t.good):
            ax.stairs(t.ok, t.edges_s, color=style.OK, linewidth=1.1, label="ok, however late")
        ax.stairs(t.sent, t.edges_s, baseline=None, color=style.STORM, linewidth=1.4, label="requests sent")
        if intended:
            at, rate = zip(*intended, strict=True)
            ax.plot(at, rate, color=style.INK, linewidth=1.0, linestyle=(0, (4, 3)), label="intended curve")
        ax.set_ylim(0, ax.get_ylim()[1] * (ROOM_FOR_NAMES if faults else 1))
        ax.set_ylabel("per second")
        parts.time_axis(ax, clock, t.window_s, size)
        for fault in faults:
            at = (fault.from_s, ax.get_ylim()[1])
            name = parts.cut(fault.name)
            ax.annotate(name, at, xytext=(3, -3), textcoords="offset points", va="top", clip_on=True)
        parts.legend(ax, _columns(size, 5))

    return draw


def outcomes(t: Timeline, clock: Clock | None) -> Draw:
    """The fate of the calls that were due in each moment."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        stack_outcomes(ax, t)
        ax.set_ylabel("calls per second")
        parts.time_axis(ax, clock, t.window_s, size)
        parts.legend(ax, _columns(size, 7))

    return draw


def stack_outcomes(ax: Axes, t: Timeline) -> None:
    """Outcomes stacked from ok upwards, a hairline of paper between neighbours."""
    base = np.zeros(len(t.edges_s) - 1)
    for name, rate in t.outcomes.items():
        ax.stairs(
            base + rate,
            t.edges_s,
            baseline=base,
            fill=True,
            facecolor=style.outcome(name),
            edgecolor=style.PAPER,
            linewidth=0.3,
            label=name,
        )
        base = base + rate
    ax.set_ylim(0)


def latency(t: Timeline, clock: Clock | None) -> Draw:
    """Every call at the instant it was due, with rolling percentiles over all of them."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        failed_s, shown = parts.failed_row_s([t.latencies.slowest_s]), t.dots
        many = t.latencies.calls > MOST_VECTOR_DOTS
        size_pt, alpha = (4, 0.35) if many else (7, 0.6)
        ok_dots = ax.plot(
            shown.ok_due_s, shown.ok_took_s, ".", color=style.OK, markersize=size_pt, alpha=alpha, mew=0
        )
        row = np.full(len(shown.failed_due_s), failed_s)
        failures = ax.plot(
            shown.failed_due_s, row, "|", color=style.STORM, markersize=8, alpha=0.55, zorder=3
        )
        for line in (*ok_dots, *failures):
            line.set_rasterized(many)
        for values, label, colour, width in (
            (t.latency.p50, "p50", style.OK_DEEP, 1.5),
            (t.latency.p95, "p95", style.INK, 2.0),
            (t.latency.p99, "p99", style.LIMIT, 1.3),
        ):
            if not np.isnan(values).all():
                drawn_s = np.where(np.isinf(values), failed_s, values)
                dashes = (0, (3, 1.5)) if label == "p50" else "-"
                ax.plot(t.latency.at_s, drawn_s, color=colour, linewidth=width, linestyle=dashes, label=label)
        _latency_axis(ax, t.latencies, failed_s)
        parts.time_axis(ax, clock, t.window_s, size)
        parts.legend(ax, 3)

    return draw


def percentile_curve(t: Timeline) -> Draw:
    """Latency of ok calls, and of all calls with failures above everything."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        found = t.latencies
        failed_s = parts.failed_row_s([found.slowest_s])
        draw_curve(ax, found.ok, failed_s, colour=style.OK, label="ok calls")
        if found.failed:
            draw_curve(ax, found.every, failed_s, colour=style.STORM, label="all calls, failures infinite")
        _latency_axis(ax, found, failed_s)
        parts.nines_axis(ax, found.calls)
        ax.grid(visible=True, axis="x")
        parts.legend(ax, 1 if size.narrow else 2)

    return draw


def draw_curve(ax: Axes, curve: Curve, failed_s: float, *, colour: str, label: str) -> None:
    """One percentile curve; where it reaches the failures it goes on in their row."""
    values_s = np.where(np.isinf(curve.values_s), failed_s, curve.values_s)
    ax.plot(nines(curve.shares), values_s, color=colour, label=label)


def _latency_axis(ax: Axes, found: Latencies, failed_s: float) -> None:
    parts.latency_axis(ax, [found.fastest_s], failed_s, with_failures=found.failed > 0)


def attempts_per_call(t: Timeline, clock: Clock | None) -> Draw:
    """Requests a call, for the calls due in each moment; one is what the API was built for."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        ax.axhline(1, color=style.MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        ax.stairs(t.attempts_per_call, t.edges_s, baseline=None, color=style.STORM, linewidth=1.6)
        ax.set_ylim(0, max(2.0, float(np.nanmax(t.attempts_per_call, initial=1)) * 1.1))
        ax.set_ylabel("attempts a call")
        parts.time_axis(ax, clock, t.window_s, size)

    return draw


def in_flight(t: Timeline, clock: Clock | None, limit: float | None) -> Draw:
    """Requests on the wire against the limit, and the calls behind them."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        ax.fill_between(
            t.instants_s,
            t.calls_in_flight,
            color=style.OFFERED,
            alpha=0.6,
            edgecolor=style.MUTED,
            linewidth=0.8,
            label="calls inside the client",
        )
        ax.plot(
            t.instants_s, t.requests_in_flight, color=style.OK, linewidth=1.4, label="requests on the wire"
        )
        if limit is not None:
            ax.axhline(
                limit, color=style.LIMIT, linewidth=1.1, linestyle=(0, (4, 3)), label=f"limit {limit:g}"
            )
        ax.set_ylim(0)
        ax.set_ylabel("in flight")
        parts.time_axis(ax, clock, t.window_s, size)
        parts.legend(ax, _columns(size, 3))

    return draw


def backlog(t: Timeline, clock: Clock | None, most: int | None) -> Draw:
    """Tasks that run and those that wait above them, until it is drained; below, how old the oldest is."""

    def draw(figure: Figure, size: Size) -> None:
        depth, age = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
        if t.backlog is not None:
            _stacked(depth, t.backlog)
            _bound(depth, most)
            age.plot(t.backlog.at_s, t.backlog.age_s, color=style.INK, linewidth=1.2)
        depth.set_ylabel("tasks")
        age.set_ylim(0)
        age.set_ylabel("oldest, s")
        for ax in (depth, age):
            backlog_time(ax, [t], clock, size)
        depth.set_xlabel("")
        parts.legend(depth, _columns(size, 4))

    return draw


def _stacked(ax: Axes, found: Backlog) -> None:
    """The queue's bound is of both together."""
    every = found.processing + found.depth
    ax.fill_between(
        found.at_s, found.processing, color=style.OK, alpha=0.55, linewidth=0, label="tasks that run"
    )
    ax.fill_between(
        found.at_s, every, found.processing, color=style.OFFERED, alpha=0.75, linewidth=0, label="that wait"
    )
    ax.plot(found.at_s, every, color=style.MUTED, linewidth=1.0)
    ax.set_ylim(0)


def draw_backlog(ax: Axes, found: Backlog, *, colour: str, label: str) -> None:
    """How many tasks waited, as sampled."""
    ax.plot(found.at_s, found.depth, color=colour, linewidth=1.9, label=label)
    ax.set_ylim(0)


def backlog_time(ax: Axes, timelines: Sequence[Timeline], clock: Clock | None, size: Size) -> None:
    """An axis that goes on until the last queue is drained; a line where arrivals ended."""
    ends_s = [t.window_s if t.backlog is None else queueing.ends_s(t.backlog, t.window_s) for t in timelines]
    window_s = max(t.window_s for t in timelines)
    if max(ends_s) > window_s:
        ax.axvline(window_s, color=style.MUTED, linewidth=0.9, linestyle=(0, (1, 2)), label="last arrival")
    parts.time_axis(ax, clock, max(ends_s), size)


def _bound(ax: Axes, most: int | None) -> None:
    """Where tasks are refused, if that is near."""
    if most is not None and most <= FAR * ax.get_ylim()[1]:
        ax.axhline(most, color=style.LIMIT, linewidth=1.1, linestyle=(0, (4, 3)), label=f"depth {most:,}")


def breakers(t: Timeline, clock: Clock | None) -> Draw:
    """The state of each worker's breaker."""

    def draw(figure: Figure, size: Size) -> None:
        ax = figure.add_subplot()
        for worker, spans in enumerate(t.breakers):
            for span in spans:
                start_s, end_s = span.start_ns / 1e9, span.end_ns / 1e9
                colour = style.BREAKER.get(span.state, style.UNKNOWN_OUTCOME)
                ax.broken_barh(
                    [(start_s, end_s - start_s)], (worker - 0.36, 0.72), facecolors=colour, linewidth=0
                )
        ax.set_yticks(range(len(t.breakers)), [f"worker {number}" for number in t.clients])
        ax.set_ylim(len(t.breakers) - 0.5, -0.5)
        ax.grid(visible=False)
        parts.time_axis(ax, clock, t.window_s, size)
        ax.legend(
            handles=[Patch(color=c, label=name.replace("_", "-")) for name, c in style.BREAKER.items()],
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=3,
            borderaxespad=0.2,
            handlelength=1.0,
        )

    return draw


def lag(t: Timeline, clock: Clock | None) -> Draw:
    """How late the generator was, its own calls and its event loop; below, how busy, where that is known."""

    def draw(figure: Figure, size: Size) -> None:
        if np.isnan(t.cpu_max).all():
            panels = [figure.add_subplot()]
        else:
            panels = list(figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1)))
            _cpu(panels[1], t)
        _lag(panels[0], t)
        parts.time_axis(panels[-1], clock, t.window_s, size)
        parts.legend(panels[0], _columns(size, 3))

    return draw


def _lag(ax: Axes, t: Timeline) -> None:
    ax.stairs(
        t.lag_max_ms, t.edges_s, baseline=None, color=style.INK, linewidth=1.2, label="schedule lag, max"
    )
    ax.stairs(t.lag_p50_ms, t.edges_s, baseline=None, color=style.MUTED, linewidth=1.2, label="p50")
    if not np.isnan(t.loop_lag_max_ms).all():
        ax.stairs(
            t.loop_lag_max_ms,
            t.edges_s,
            baseline=None,
            color=style.VIOLET,
            linewidth=1.0,
            label="event loop, max",
        )
    ax.axhline(LAG_LIMIT_MS, color=style.LIMIT, linewidth=1.0, linestyle=(0, (4, 3)))
    ax.set_ylim(0.01, max(200.0, float(np.nanmax(t.lag_max_ms, initial=0)) * 2))
    ax.set_yscale("log")
    ticks = [
        (0.1, "0.1 ms"),
        (1, "1 ms"),
        (10, "10 ms"),
        (LAG_LIMIT_MS, "50 ms"),
        (1000, "1 s"),
        (10_000, "10 s"),
    ]
    shown = [(at, label) for at, label in ticks if at <= ax.get_ylim()[1]]
    ax.set_yticks([at for at, _ in shown], [label for _, label in shown])
    ax.set_yticks([], minor=True)


def _cpu(ax: Axes, t: Timeline) -> None:
    """Of one core; a process of Python's has no more than that to give."""
    ax.stairs(t.cpu_max, t.edges_s, baseline=0, fill=True, color=style.OFFERED, linewidth=0)
    ax.stairs(t.cpu_max, t.edges_s, baseline=None, color=style.MUTED, linewidth=1.2)
    ax.axhline(1, color=style.LIMIT, linewidth=1.0, linestyle=(0, (4, 3)))
    ax.set_ylim(0, max(1.1, float(np.nanmax(t.cpu_max)) * 1.1))
    ax.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    ax.set_ylabel("CPU")


def _columns(size: Size, most: int) -> int:
    return FEWEST_LEGEND_COLUMNS if size.narrow else most

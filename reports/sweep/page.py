"""The table of a sweep for the terminal, and its page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.drawing import page
from reports.drawing.page import Html, Part, Plot
from reports.sweep.plots import measured, pareto, varied
from reports.sweep.result import SHOWN, Row, numbered, shown
from reports.sweep.spec import SweepSpec
from reports.telling import text_table, words
from reports.virtual import beside
from reports.virtual.beside import Beside
from reports.virtual.measures import MEASURES, Measure, figure_text
from reports.virtual.stage import Stage

HEADINGS = {
    "goodput": "goodput /s",
    "good_share": "good",
    "call_latency.p50": "p50",
    "call_latency.p99": "p99",
    "call_latency_all.p95": "p95 all",
    "amplification": "att./call",
    "tokens_per_good_call": "tokens/good",
    "shed_rate": "shed",
    "breaker_open_fraction": "breaker",
    "time_to_recover": "recovered",
}

MAP_IN, PHONE_MAP_IN = 3.4, 8.6


def text(spec: SweepSpec, rows: Sequence[Row], real: Sequence[Beside] = ()) -> str:
    """The table: a line a setting, best goodput first; those on the Pareto front have numbers."""
    table = text_table.table(_heading(spec), _lines(rows))
    parts = [
        f"{words.clean(spec.title)}\n{about(spec.stage, len(spec.seeds))}",
        table,
    ]
    if real:
        parts.append(beside.text(real, [MEASURES[name] for name in SHOWN]))
    return "\n\n".join(parts)


def _heading(spec: SweepSpec) -> list[str]:
    return ["", *spec.grid, "behind best", *(HEADINGS[name] for name in SHOWN)]


def _lines(rows: Sequence[Row]) -> list[list[str]]:
    """A line a setting, best goodput first; those on the front have the numbers of the picture."""
    return [
        [
            "" if number is None else str(number),
            *(shown(value) for value in row.settings.values()),
            behind(row),
            *(_shown(row, MEASURES[name]) for name in SHOWN),
        ]
        for number, row in numbered(rows)
    ]


def _shown(row: Row, of: Measure) -> str:
    """A mean; where some seeds have no end and others have, how many have, and their mean."""
    values = [of.of(cell) for cell in row.cells]
    finite = [value for value in values if math.isfinite(value)]
    if of.name != "time_to_recover" or not finite or len(finite) == len(values):
        return figure_text(row.mean(of), of)
    return f"{len(finite)} of {len(values)}: {figure_text(sum(finite) / len(finite), of)}"


def behind(row: Row) -> str:
    """The goodput lost against the best, with the half width of its 95 % interval."""
    if row.behind == 0:
        return "best"
    half = "" if math.isnan(row.sure) else f" ± {row.sure:.2f}"
    return f"{row.behind:.2f}{half}"


def about(stage: Stage, seeds: int, against: str = "") -> str:
    """What was played, in a line."""
    load = stage.load
    played = f"{load.window}" if load.window else f"{load.rps:g} calls/s"
    peak = f", peak {load.rps:g} calls/s" if load.window else ""
    length = words.duration(load.length_s)
    limits = words.objectives({o.metric: o.limit_ms for o in stage.objectives})
    return (
        f"policy {stage.policy_name} against {against or stage.profile.name}: {played} in {length}{peak},"
        f" {seeds} paired seeds; good: ok with {limits}"
    )


def render(spec: SweepSpec, rows: Sequence[Row]) -> str:
    """The self-contained page."""
    others = varied(spec)[2:]
    slice_note = f" {', '.join(others)} as in the best setting." if others else ""
    finding = page.element("p", spec.finding, cls="said") if spec.finding else Html("")
    plots = [
        Plot(
            "measured",
            "Over the grid",
            f"Means over the seeds.{slice_note}",
            measured(spec, rows),
            full=True,
            height_in=MAP_IN,
            phone_height_in=PHONE_MAP_IN,
        ),
        Plot(
            "pareto",
            "What goodput costs",
            "Each point is a setting; numbers are those of the table."
            " Tokens count what the provider read and wrote, for whomever.",
            pareto(rows),
            full=True,
            height_in=MAP_IN,
        ),
    ]
    table = page.table(
        "Best goodput first; numbered: on the Pareto front; ± 95 %, paired by seed",
        _heading(spec),
        _lines(rows),
    )
    return page.document(
        words.clean(spec.title),
        [page.header(words.clean(spec.title), about(spec.stage, len(spec.seeds))), finding],
        [
            Part("pictures", "Pictures", page.plots(plots)),
            Part("numbers", "Numbers", page.card(table)),
        ],
        "primetime · virtual time",
    )

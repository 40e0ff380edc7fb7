"""The table of a sweep for the terminal, and its page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from reports.drawing import page
from reports.drawing.page import Html, Part, Plot
from reports.findings.page import how_drawn, section
from reports.findings.swept import RULES, swept
from reports.findings.text import in_lines
from reports.sweep.plots import measured, pareto, varied
from reports.sweep.result import SHOWN, Row, base_of, label, numbered, shown
from reports.sweep.spec import SweepSpec
from reports.sweep.told import Told
from reports.telling import text_table, words
from reports.virtual import beside
from reports.virtual.about import about
from reports.virtual.beside import Beside
from reports.virtual.measures import MEASURES, Measure, figure_text

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
    "queue_wait.p95": "in queue p95",
    "depth_max": "deepest",
    "drain_after_peak": "drained",
    "refused_share": "refused",
}

MAP_IN, PHONE_MAP_IN = 3.4, 8.6


def text(spec: SweepSpec, rows: Sequence[Row], real: Sequence[Beside] = ()) -> str:
    """The table: a line a setting, best goodput first; those on the Pareto front have numbers."""
    table = text_table.table(_heading(spec.grid, rows), _lines(rows))
    parts = [
        f"{words.clean(spec.title)}\n{about(spec.stage, len(spec.seeds))}",
        in_lines(swept(spec.grid, rows, base_of(spec)), "sweep.html"),
        table,
    ]
    if real:
        measures = [MEASURES[name] for name in SHOWN]
        parts.append(beside.text(beside.document(real, measures), measures))
    return "\n\n".join(parts)


def _heading(grid: Mapping[str, object], rows: Sequence[Row]) -> list[str]:
    return ["", *grid, "behind best", *(HEADINGS[name] for name in rows[0].measured)]


def _lines(rows: Sequence[Row]) -> list[list[str]]:
    """A line a setting, best goodput first; those on the front have the numbers of the picture."""
    return [
        [
            "" if number is None else str(number),
            *(shown(value) for value in row.settings.values()),
            behind(row),
            *(_shown(row, MEASURES[name]) for name in row.measured),
        ]
        for number, row in numbered(rows)
    ]


def _shown(row: Row, of: Measure) -> str:
    """A mean; where some seeds have no end and others have, how many have, and their mean."""
    values = row.measured[of.name]
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


def render(told: Told) -> str:
    """The self-contained page."""
    title = words.clean(told.title)
    return page.document(
        title,
        [page.header(title, told.about), page.banner("Degraded in real time", beside.degraded(told.real))],
        [
            Part("findings", "Findings", _findings(told)),
            Part("pictures", "Pictures", page.plots(_plots(told))),
            Part("numbers", "Numbers", _numbers(told)),
            Part("configuration", "Configuration", _configuration(told)),
        ],
        "primetime · virtual time",
    )


def _findings(told: Told) -> Html:
    """What the rows say, and what the spec expected them to show."""
    found = section(swept(told.grid, told.sweep_rows, told.base))
    expected = (
        page.element("p", page.element("strong", "Expected: "), told.finding) if told.finding else Html("")
    )
    return page.join((found, page.card(expected) if expected else expected))


def _plots(told: Told) -> list[Plot]:
    rows = told.sweep_rows
    others = varied(told.grid)[2:]
    slice_note = f" {', '.join(others)} as in the best setting." if others else ""
    best = f"Best: {label(numbered(rows)[0][1].settings)}." if rows else ""
    return [
        Plot(
            "measured",
            "Over the grid",
            f"Means over the seeds.{slice_note}",
            measured(told.grid, rows),
            full=True,
            height_in=MAP_IN,
            phone_height_in=PHONE_MAP_IN,
            said=best,
        ),
        Plot(
            "pareto",
            "What goodput costs",
            "Each point is a setting; numbers are those of the table."
            " Tokens count what the provider read and wrote, for whomever.",
            pareto(rows),
            full=True,
            height_in=MAP_IN,
            said=f"{sum(row.pareto for row in rows)} of {len(rows)} settings are on the front. {best}",
        ),
    ]


def _numbers(told: Told) -> Html:
    caption = "Best goodput first; numbered: on the Pareto front; ± 95 %, paired by seed"
    every = page.card(page.table(caption, _heading(told.grid, told.sweep_rows), _lines(told.sweep_rows)))
    measures = [MEASURES[name] for name in SHOWN]
    real = page.table(
        "In virtual and in real time", beside.heading(told.real), beside.lines(told.real, measures)
    )
    return page.join((every, page.card(real)))


def _configuration(told: Told) -> Html:
    spec = {"policy": told.policy, "seeds": told.seeds, **told.stage}
    grid = [(key, ", ".join(map(shown, values))) for key, values in told.grid.items()]
    return page.join(
        (
            page.folded("Grid", page.definitions(grid)),
            page.folded("What every cell shares", page.definitions(page.flatten(spec))),
            how_drawn(RULES),
        )
    )

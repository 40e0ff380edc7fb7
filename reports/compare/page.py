"""The page and the picture of several runs."""

from __future__ import annotations

from collections.abc import Sequence

from reports.compare import changes_block, said
from reports.compare import plots as compare_plots
from reports.compare.changes import Decided
from reports.compare.configuration import configuration
from reports.compare.result import Compared, findings, rows
from reports.drawing import canvas, page, style
from reports.drawing.page import Html, Part, Plot
from reports.figures.formulas import FORMULAS
from reports.findings.compared import RULES
from reports.findings.page import how_drawn, section
from reports.findings.say import listed
from reports.telling import words

PANEL_IN, LEGEND_IN = 1.6, 0.9

UNDECIDED = Decided()

MOST_DRAWN = 6


def render(compared: Sequence[Compared], warned: Sequence[str], decided: Decided = UNDECIDED) -> str:
    """The self-contained page; what is `decided` of groups of the runs stands before the numbers."""
    degraded = [f"{c.label}: {reason}" for c in compared for reason in c.summary["degraded"]]
    drawn, named = _drawn(compared, decided), title(compared, decided)
    return page.document(
        named,
        [
            page.header(named, subtitle(compared)),
            page.banner("These runs did not meet the same evening", warned),
            page.banner("Degraded: read these runs with care", degraded),
        ],
        [
            Part("findings", "Findings", section(findings(compared, warned))),
            Part("pictures", "Over the evening", _pictures(compared, drawn)),
            Part(
                "numbers",
                "Numbers",
                page.cards(changes_block.card(decided), page.card(_table(compared), full=True)),
            ),
            Part("configuration", "Configuration", configuration(compared)),
            Part("formulas", "Formulas", _formulas()),
        ],
        " · ".join(["primetime", *(c.summary["run"] for c in compared)]),
    )


def _formulas() -> Html:
    return page.join((page.folded("What each number is", page.definitions(FORMULAS)), how_drawn(RULES)))


def picture(compared: Sequence[Compared], decided: Decided = UNDECIDED) -> bytes:
    """All plots in one PNG of 1400 by 900 pixels."""
    drawn = _drawn(compared, decided)
    poster = compare_plots.poster(drawn, title(compared, decided), subtitle(compared))
    return canvas.png(poster, compare_plots.POSTER)


def _drawn(compared: Sequence[Compared], decided: Decided) -> Sequence[Compared]:
    """The runs that stand in the pictures: all of a few; of many, which no eye tells apart, one a group."""
    several = [group.members[0] for group in decided.groups]
    return compared if len(compared) <= MOST_DRAWN or not several else several[:MOST_DRAWN]


def _pictures(compared: Sequence[Compared], drawn: Sequence[Compared]) -> Html:
    """The plots, and which runs they show if not all."""
    if len(drawn) == len(compared):
        return page.plots(_plots(drawn))
    shown = f"Of {len(compared)} runs {listed([c.label for c in drawn])} are drawn."
    return page.join((page.element("p", shown, cls="said"), page.plots(_plots(drawn))))


def title(compared: Sequence[Compared], decided: Decided = UNDECIDED) -> str:
    """What was compared: the scenario, if it is one, and the clients, or their groups if they are many."""
    scenarios = {c.summary["scenario"] for c in compared}
    scenario = scenarios.pop() if len(scenarios) == 1 else "runs"
    labels = [c.label for c in compared]
    if len(compared) > MOST_DRAWN and decided.groups:
        labels = [f"{group.label} ({len(group.members)} runs)" for group in decided.groups]
    return words.clean(f"{scenario}: {listed(labels)}")


def subtitle(compared: Sequence[Compared]) -> str:
    """How the evening was offered, by the first run, and what counts as goodput."""
    first = compared[0]
    schedule = first.run.manifest.schedule
    facts = [
        f"{words.count(first.summary['calls'])} calls in {words.duration(first.summary['duration_s'])}",
        schedule.window and f"standing for {schedule.window}",
        schedule.peak_rps and f"peak {schedule.peak_rps:g} a second",
        f"goodput: ok with {words.objectives(first.summary['goodput_objectives_ms'])}",
    ]
    return words.clean(" · ".join(f for f in facts if f))


def _table(compared: Sequence[Compared]) -> Html:
    colours = style.runs([c.run.manifest.policy.name for c in compared])
    heading = [
        "",
        *(_named(c.label, k) for c, k in zip(compared, colours, strict=True)),
    ]
    body = []
    for row in rows(compared):
        cells: list[object] = [row.name, *row.cells]
        if row.best is not None:
            cells[row.best + 1] = page.element("strong", row.cells[row.best])
        body.append(cells)
    definition = compared[0].summary["quantile_definition"]
    note = (
        f"Bold: the better one, if there is one. Percentiles: {definition} quantiles;"
        f" {words.failures(compared[0].summary)}."
        + "".join(f" {c.label}: {each}." for c in compared for each in words.missing(c.summary))
    )
    return page.join((page.table("Metrics", heading, body), page.note(note)))


def _named(label: str, colour: str) -> Html:
    return page.join((page.swatch(colour), page.element("span", label, cls="label")))


def _plots(compared: Sequence[Compared]) -> list[Plot]:
    due = "Calls stand at the instant they were due."
    window = compared[0].timeline.latency.calls
    return [
        Plot(
            "goodput",
            "Goodput",
            f"Calls that ended ok in time, against what {compared[0].label} was offered (grey). {due}",
            compare_plots.goodput(compared),
            full=True,
            said=said.goodput(compared),
        ),
        Plot(
            "latency",
            "Call latency p95",
            f"Of {window} calls at a time. A line in the top row: more than 5 % of them failed.",
            compare_plots.latency(compared),
            said=said.latency(compared),
        ),
        Plot(
            "curves",
            "Percentile curves",
            "Call latency of all calls, failures as infinite; every nine is as wide as the last.",
            compare_plots.curves(compared),
            said=said.latency(compared),
        ),
        Plot(
            "outcomes",
            "How the calls ended",
            due,
            compare_plots.outcomes(compared),
            full=True,
            phone_height_in=LEGEND_IN + PANEL_IN * len(compared),
            said=said.outcomes(compared),
        ),
        *([_backlog(compared)] if compare_plots.has_queue(compared) else []),
    ]


def _backlog(compared: Sequence[Compared]) -> Plot:
    return Plot(
        "backlog",
        "Waiting in the queue",
        "Tasks that were accepted and wait for a worker, until the last is drained.",
        compare_plots.backlog(compared),
        full=True,
        said=said.backlog(compared),
    )

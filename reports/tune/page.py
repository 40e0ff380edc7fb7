"""What a study shows in the terminal, and its page."""

from __future__ import annotations

from collections.abc import Sequence

from reports.drawing import page
from reports.drawing.page import Html, Part, Plot
from reports.sweep.result import shown
from reports.telling import text_table, words
from reports.tune import plots
from reports.tune.told import Gained, Line, Told
from reports.virtual import beside
from reports.virtual.measures import MEASURES, Measure, figure_text, number

HEIGHT_IN = 3.6

#: Lines of the last of the race that are shown.
MOST_LINES = 12


def text(told: Told) -> str:
    """What became of the study: the verdict, what changed, and today's settings beside the winner's."""
    parts = [f"{words.clean(told.title)}\n{told.about}", told.verdict]
    if told.changed:
        parts.append(text_table.table(["changed", "today", "winner"], _changes(told)))
    if told.held_out is not None:
        heading = [f"{len(told.held_out_seeds)} held-out seeds", "today", "winner", "better by"]
        parts.append(text_table.table(heading, _gains(told)))
    if told.real:
        parts.append(beside.text(told.real, told.measures))
    parts.append(text_table.table(_lasted_heading(told), _lasted(told)))
    return "\n\n".join(parts)


def render(told: Told) -> str:
    """The self-contained page."""
    title = words.clean(told.title)
    said = [page.element("li", told.verdict)]
    if told.finding:
        said.append(page.element("li", page.element("strong", "Expected: "), told.finding))
    return page.document(
        title,
        [page.header(title, told.about), page.banner("Degraded in real time", beside.degraded(told.real))],
        [
            Part("findings", "Findings", page.card(page.element("ul", *said, cls="sentences"))),
            Part("pictures", "Pictures", page.plots(_plots(told))),
            Part("numbers", "Numbers", _numbers(told)),
            Part("configuration", "Configuration", _configuration(told)),
        ],
        "primetime · virtual time",
    )


def _plots(told: Told) -> list[Plot]:
    found = [
        Plot(
            "tried",
            "What was tried",
            "Each mark is a setting; the line is what nothing beats on every seed.",
            plots.tried(told),
            full=True,
            height_in=HEIGHT_IN,
            said=f"{len(told.trials)} settings were tried; {len(told.front)} on the front. {told.verdict}",
        )
    ]
    if told.course is not None:
        found.append(
            Plot(
                "course",
                "Why: the run under both",
                "Means over the held-out seeds; grey above a line is what its customers lost.",
                plots.courses(told.course),
                full=True,
                height_in=HEIGHT_IN,
                said=told.verdict,
            )
        )
    return found


def _numbers(told: Told) -> Html:
    held_out = f"On {len(told.held_out_seeds)} held-out seeds; ± 95 %, paired by seed"
    some = (
        page.table("What the winner changes", ["key", "today", "winner"], _changes(told), settings=True),
        page.table(held_out, ["measure", "today", "winner", "better by"], _gains(told)),
        page.table(
            "In virtual and in real time", beside.heading(told.real), beside.lines(told.real, told.measures)
        ),
        page.table("On every seed of the search", _lasted_heading(told), _lasted(told)),
    )
    return page.join(page.card(table) for table in some)


def _configuration(told: Told) -> Html:
    shared = {
        "policy": told.policy,
        "seeds": told.seeds,
        "held_out": told.held_out_seeds,
        "seeds by step of the race": told.rungs,
        "objectives": told.objectives,
        "constraints": told.constraints,
    }
    stages = [(f"Stage {stage.get('profile')}", page.flatten(stage)) for stage in told.stages]
    parts = [("Study", page.flatten(shared)), ("Ranges", _ranges(told)), *stages]
    return page.join(page.folded(title, page.definitions(pairs)) for title, pairs in parts)


def _ranges(told: Told) -> list[tuple[str, str]]:
    return [
        (key, f"{', '.join(map(shown, ends))}; today {shown(told.today[key])}")
        for key, ends in told.ranges.items()
    ]


def _changes(told: Told) -> list[list[str]]:
    return [[key, shown(today), shown(new)] for key, (today, new) in told.changed.items()]


def _gains(told: Told) -> list[list[str]]:
    return [_gain(MEASURES[name], gained) for name, gained in (told.held_out or {}).items()]


def _gain(of: Measure, gained: Gained) -> list[str]:
    half = "" if gained.half_width_95 is None else f" ± {figure_text(number(gained.half_width_95), of)}"
    return [
        of.name,
        figure_text(number(gained.today), of),
        figure_text(number(gained.winner), of),
        f"{figure_text(number(gained.better_by), of)}{half}",
    ]


def _lasted_heading(told: Told) -> list[str]:
    return ["settings that lasted", *(m.name for m in told.measures)]


def _lasted(told: Told) -> list[list[str]]:
    """The front first, then the others that lasted to the end of the race."""
    on_front = [line.trial for line in told.front]
    rest = [line for line in told.last if line.trial not in on_front]
    gain = MEASURES[told.objectives[0]]
    ordered = sorted(told.front, key=lambda line: -gain.side * line.of(gain)) + rest
    return [
        [_name(told, line, on_front), *(figure_text(line.of(m), m) for m in told.measures)]
        for line in ordered[:MOST_LINES]
    ]


def _name(told: Told, line: Line, on_front: Sequence[int | None]) -> str:
    name = "today" if line.trial is None else f"trial {line.trial}"
    if told.winner is not None and line.trial == told.winner.trial:
        return f"{name}, the winner"
    if not line.feasible:
        return f"{name}, misses a constraint"
    return f"{name}, on the front" if line.trial in on_front else name

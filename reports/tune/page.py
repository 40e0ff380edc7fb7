"""What a study shows in the terminal, and its page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.drawing import page
from reports.drawing.page import Html, Part, Plot
from reports.sweep.page import about
from reports.sweep.result import shown
from reports.telling import text_table, words
from reports.tune import plots
from reports.tune.race import Candidate
from reports.tune.result import Gain, Tuned, measures
from reports.virtual import beside
from reports.virtual.measures import figure_text

HEIGHT_IN = 3.6

#: Lines of the last of the race that are shown.
MOST_LINES = 12


def text(tuned: Tuned) -> str:
    """What became of the study: the verdict, what changed, and today's settings beside the winner's."""
    spec = tuned.spec
    parts = [
        f"{words.clean(spec.title)}\n{about(spec.stage, len(spec.seeds), spec.against)}",
        tuned.verdict,
    ]
    if tuned.changed:
        parts.append(text_table.table(["changed", "today", "winner"], _changes(tuned)))
    if tuned.held_out is not None:
        heading = [f"{len(spec.held_out)} held-out seeds", "today", "winner", "better by"]
        parts.append(text_table.table(heading, _gains(tuned)))
    if tuned.real:
        parts.append(beside.text(tuned.real, measures(spec)))
    heading = ["settings that lasted", *(m.name for m in measures(spec))]
    parts.append(text_table.table(heading, _lasted(tuned)))
    return "\n\n".join(parts)


def render(tuned: Tuned) -> str:
    """The self-contained page."""
    spec = tuned.spec
    return page.document(
        words.clean(spec.title),
        [
            page.header(words.clean(spec.title), about(spec.stage, len(spec.seeds), spec.against)),
            page.element("p", tuned.verdict, cls="said"),
            page.element("p", spec.finding, cls="said") if spec.finding else Html(""),
        ],
        [
            Part("pictures", "Pictures", page.plots(_plots(tuned))),
            Part("numbers", "Numbers", _numbers(tuned)),
        ],
        "primetime · virtual time",
    )


def _numbers(tuned: Tuned) -> Html:
    spec = tuned.spec
    lasted = ["settings that lasted", *(m.name for m in measures(spec))]
    some = (
        _card("What the winner changes", ["key", "today", "winner"], _changes(tuned)),
        _card(
            f"On {len(spec.held_out)} held-out seeds; ± 95 %, paired by seed",
            ["measure", "today", "winner", "better by"],
            _gains(tuned),
        ),
        _card("In virtual and in real time", *_real(tuned)),
        _card("On every seed of the search", lasted, _lasted(tuned)),
    )
    return page.join(some)


def _plots(tuned: Tuned) -> list[Plot]:
    found = [
        Plot(
            "tried",
            "What was tried",
            "Each mark is a setting; the line is what nothing beats on every seed.",
            plots.tried(tuned),
            full=True,
            height_in=HEIGHT_IN,
        )
    ]
    if tuned.held_out is not None:
        found.append(
            Plot(
                "course",
                "Why: the run under both",
                "Means over the held-out seeds; grey above a line is what its customers lost.",
                plots.courses(tuned),
                full=True,
                height_in=HEIGHT_IN,
            )
        )
    return found


def _card(caption: str, heading: Sequence[str], lines: Sequence[Sequence[str]]) -> Html:
    return page.card(page.table(caption, heading, lines))


def _real(tuned: Tuned) -> tuple[list[str], list[list[str]]]:
    if not tuned.real:
        return [], []
    return beside.heading(tuned.real), beside.lines(tuned.real, measures(tuned.spec))


def _changes(tuned: Tuned) -> list[list[str]]:
    return [[key, shown(today), shown(new)] for key, (today, new) in tuned.changed.items()]


def _gains(tuned: Tuned) -> list[list[str]]:
    if tuned.held_out is None:
        return []
    return [_gain(tuned.held_out.gain(measure)) for measure in measures(tuned.spec)]


def _gain(gain: Gain) -> list[str]:
    of = gain.measure
    half = "" if math.isnan(gain.half) else f" ± {figure_text(gain.half, of)}"
    return [
        of.name,
        figure_text(gain.today, of),
        figure_text(gain.winner, of),
        f"{figure_text(gain.better_by, of)}{half}",
    ]


def _lasted(tuned: Tuned) -> list[list[str]]:
    """The front first, then the others that lasted to the end of the race."""
    front = tuned.raced.front
    rest = [c for c in tuned.raced.last if c not in front]
    gain = tuned.spec.objectives[0]
    ordered = sorted(front, key=lambda c: -gain.side * gain.mean(c.cells)) + rest
    return [
        [_name(tuned, c), *(figure_text(m.mean(c.cells), m) for m in measures(tuned.spec))]
        for c in ordered[:MOST_LINES]
    ]


def _name(tuned: Tuned, one: Candidate) -> str:
    name = "today" if one.number is None else f"trial {one.number}"
    if one is tuned.raced.winner:
        return f"{name}, the winner"
    if not one.feasible:
        return f"{name}, misses a constraint"
    return f"{name}, on the front" if one in tuned.raced.front else name

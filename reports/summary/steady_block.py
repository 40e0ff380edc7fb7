"""Whether a run was steady, and its latencies with their intervals, for the terminal and the page."""

from __future__ import annotations

import textwrap
from typing import Any

from harness import terminal
from reports.drawing import page
from reports.drawing.page import Html
from reports.summary.result import Summary
from reports.telling import words
from reports.telling.text_table import table as text_table

LABEL_WIDTH = 23

SHOWN = ("p50", "p95", "p99")
_LATENCIES = (
    ("call latency, ok calls", "call_latency_ms"),
    ("call latency, all calls", "call_latency_all_ms"),
)


def lines(s: Summary) -> str:
    """A line that says whether; the latencies if so; the rule, where it was put to use."""
    steady, width = s["steady"], terminal.columns()
    label = f"{'steady state':<{LABEL_WIDTH}}  "
    told = [textwrap.fill(label + words.clean(verdict(steady)), width, subsequent_indent=" " * len(label))]
    if steady["holds"]:
        rows = [[label, *(words.interval(found[name]) for name in SHOWN)] for label, found in _given(steady)]
        told.append(text_table(["  95 % intervals", *SHOWN], rows, first_width=LABEL_WIDTH))
        told += [textwrap.fill(f"{reason}.", width, subsequent_indent="  ") for reason in reasons(steady)]
    if steady["from_s"] is not None:
        told.append(textwrap.fill(steady["rule"], width))
    return "\n".join(told)


def table(s: Summary) -> Html:
    """The same as a table on the page."""
    steady = s["steady"]
    rows = [
        [label, *(words.interval(found[name]) for name in SHOWN)]
        for label, found in (_given(steady) if steady["holds"] else ())
    ]
    said = " ".join((f"Steady state: {verdict(steady)}.", *(f"{r}." for r in reasons(steady))))
    return page.join(
        (
            page.element("p", said, cls="said"),
            page.table("The steady part, with 95 % intervals", ["", *SHOWN], rows),
            page.note(steady["rule"]) if steady["from_s"] is not None else "",
        )
    )


def verdict(steady: dict[str, Any]) -> str:
    """Whether the run was steady, and of which part that is said."""
    if steady["from_s"] is None:
        return f"no: {steady['why']}"
    part = (
        f"from {words.duration(steady['from_s'])} to {words.duration(steady['to_s'])}"
        f" (left out: warm-up {words.duration(steady['warm_up_s'])},"
        f" drain {words.duration(steady['drain_s'])})"
    )
    return f"yes, {part}" if steady["holds"] else f"no, {part}: {steady['why']}"


def reasons(steady: dict[str, Any]) -> list[str]:
    """Why percentiles that are shown have no interval, each reason once."""
    if not steady["holds"]:
        return []
    found = [
        f"No interval of the {name}, {label.partition(', ')[2]}: {values[name]['why']}"
        for label, values in _given(steady)
        for name in SHOWN
        if values[name]["why"]
    ]
    return list(dict.fromkeys(found))


def _given(steady: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The latencies there are; those of all calls where some failed."""
    given = [(label, steady[key]) for label, key in _LATENCIES]
    return given[:1] if given[0][1] == given[1][1] else given

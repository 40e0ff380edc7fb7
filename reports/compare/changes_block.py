"""The changes against the base and the intervals over runs, for the terminal and the page."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from harness import terminal
from reports.compare.changes import METRICS, PERCENTILES, Against, Decided, Metric
from reports.drawing import page
from reports.drawing.page import Html
from reports.figures.totals import finite
from reports.statistics import interval
from reports.statistics.interval import Estimate
from reports.statistics.paired import FEWEST_PAIRS, Change
from reports.telling import words
from reports.telling.text_table import table

_LATENCIES = (("call_latency_ms", "ok calls"), ("call_latency_all_ms", "all calls"))


RULE = (
    "Median change over pairs of runs of one seed, with its 95 % interval over pairs where there are"
    f" {FEWEST_PAIRS}. Better and worse are said where that interval leaves no doubt of it."
)


def lines(decided: Decided) -> str:
    """Both tables and what is apart; empty where nothing is paired and no group has its intervals."""
    parts = []
    if heading := _heading(decided):
        parts.append("\n".join([table(heading, _changes(decided)), textwrap.fill(RULE, terminal.columns())]))
    if apart := _apart(decided):
        parts.append("\n".join(f"not paired: {words.clean(line)}" for line in apart))
    if rows := _intervals(decided):
        why = [
            textwrap.fill(f"No interval of {reason}.", terminal.columns(), subsequent_indent="  ")
            for reason in _reasons(decided)
        ]
        parts.append(
            "\n".join(
                [
                    table(["call latency", *PERCENTILES], rows),
                    *why,
                    textwrap.fill(f"{interval.RULE}.", terminal.columns()),
                ]
            )
        )
    return "\n\n".join(parts)


def card(decided: Decided) -> Html:
    """The same on the page."""
    apart = [page.element("p", f"Not paired: {line}", cls="note") for line in _apart(decided)]
    heading = _heading(decided)
    changes = page.table(heading[0], ["", *heading[1:]], _changes(decided)) if heading else Html("")
    why = " ".join(f"No interval of {reason}." for reason in _reasons(decided))
    intervals = page.table("Call latency over runs", ["", *PERCENTILES], _intervals(decided))
    parts = [
        page.card(changes, page.note(RULE), full=True) if changes else "",
        page.card(*apart, full=True) if apart else "",
        page.card(intervals, page.note(f"{interval.RULE}. {why}".strip()), full=True) if intervals else "",
    ]
    return page.join(parts)


def _heading(decided: Decided) -> list[str]:
    """Of the changes: a column a group that has pairs; empty where none has."""
    columns = [
        f"{words.clean(a.group.label)}, {_pairs(pairs)}{'' if pairs >= FEWEST_PAIRS else ': no interval'}"
        for a in _with_pairs(decided)
        if (pairs := len(a.pairing.pairs))
    ]
    return [f"Change against {words.clean(decided.groups[0].label)}", *columns] if columns else []


def _changes(decided: Decided) -> list[list[str]]:
    """A row a metric that any pair has."""
    rows = []
    for i, metric in enumerate(METRICS):
        changes = [(a.changes[i], len(a.pairing.pairs)) for a in _with_pairs(decided)]
        if any(change.pairs for change, _ in changes):
            took = decided.groups[0].members[0].summary["failures"] == "took"
            rows.append([metric.name, *(told(metric, c, pairs, took=took) for c, pairs in changes)])
    return rows


def told(metric: Metric, found: Change, pairs: int, *, took: bool = False) -> str:
    """A change in words: in percent, with its interval and whether it is for the better.

    Of fewer than the group's `pairs`, where the metric is not known of all, it says of how many.
    Where failed calls count by how long they `took`, less latency of all calls is not for the better.
    """
    if not found.pairs:
        return words.NOTHING
    if found.log_ratio == 0 and (math.isnan(found.low) or found.low == found.high):
        return "the same"
    median = percent(found.log_ratio, metric)
    if math.isnan(found.low):
        return median if found.pairs == pairs else f"{median}, {_pairs(found.pairs)}: no interval"
    sure = f"{median} ({percent(found.low, metric)} to {percent(found.high, metric)})"
    side = 0 if took and metric.key.startswith("call_latency_all") else metric.side
    if side == 0 or found.low <= 0 <= found.high:
        return sure
    return f"{sure}, {'better' if side * found.low > 0 else 'worse'}"


def percent(log_ratio: float, metric: Metric) -> str:
    """A ratio as a change: +12.3 %; a great one as times. A latency may go to infinity, others to zero."""
    if math.isinf(log_ratio):
        slower, faster = ("to ∞", "from ∞") if metric.latency else ("from 0", "to 0")
        return slower if log_ratio > 0 else faster
    ratio = math.exp(log_ratio)
    if ratio >= _TIMES:
        return f"×{ratio:,.3g}"
    change = 100 * abs(ratio - 1)
    shown = f"{change:.1f} %" if change >= 1 else f"{change:.2f} %"
    return f"{'+' if ratio >= 1 else '−'}{shown}" if shown != "0.00 %" else "±0.00 %"


#: From here on a change is read better as a factor.
_TIMES = 4.0


def _pairs(count: int) -> str:
    return "one pair" if count == 1 else f"{count} pairs"


def _with_pairs(decided: Decided) -> Sequence[Against]:
    return [a for a in decided.against if a.pairing.pairs]


def _apart(decided: Decided) -> list[str]:
    """Why runs are no pairs, of groups that share a seed with the base: others were not meant to be."""
    base = {c.run.manifest.seed for c in decided.groups[0].members} if decided.groups else set()
    return [
        f"{a.group.label}, {line}"
        for a in decided.against
        if base & {c.run.manifest.seed for c in a.group.members}
        for line in a.pairing.apart
    ]


def _intervals(decided: Decided) -> list[list[str]]:
    return [
        [f"{words.clean(group.label)}, {label}", *(_interval(found[key][name]) for name in PERCENTILES)]
        for group, found in zip(decided.groups, decided.latencies, strict=True)
        if found is not None
        for key, label in _LATENCIES
    ]


def _reasons(decided: Decided) -> list[str]:
    """Why a percentile has no interval, of every group that has runs enough."""
    return [
        f"the {name} of {words.clean(group.label)}, {label}: {found[key][name].why}"
        for group, found in zip(decided.groups, decided.latencies, strict=True)
        if found is not None
        for key, label in _LATENCIES
        for name in PERCENTILES
        if found[key][name].why
    ]


def _interval(found: Estimate) -> str:
    return words.interval({name: finite(v) for name, v in asdict(found).items() if name != "why"})

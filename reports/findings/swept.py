"""Findings of a sweep: the best setting, how sure that is, which key matters, what is cheaper."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from reports.findings import say
from reports.findings.finding import Finding
from reports.sweep.result import COST, GAIN, Row, label, numbered, shown
from reports.virtual.measures import MEASURES, figure_text

TAIL = MEASURES["call_latency.p99"]

#: Keys that can be held against each other.
TWO = 2

#: How they are found, as pages and documentation print it.
RULES = (
    ("best_setting", "the setting with the highest mean goodput over the seeds"),
    (
        "base_behind",
        "the policy that the sweep starts from, where it is one of the settings, against the best",
    ),
    (
        "sureness",
        (
            "the others whose loss against it, paired by seed, has a 95 % interval that holds 0; each"
            " interval is of that setting by itself"
        ),
    ),
    (
        "key_matters",
        (
            "of each key: the range of mean goodput over its values with the other keys fixed, averaged"
            " over the settings of these; the keys in that order"
        ),
    ),
    ("cheaper_setting", "the setting of the Pareto front with the fewest tokens a call in time"),
    ("no_goodput", "no setting served a call in time"),
)


def swept(
    grid: Mapping[str, Sequence[Any]], rows: Sequence[Row], base: Mapping[str, Any] = MappingProxyType({})
) -> list[Finding]:
    """The findings of the rows of a sweep over this grid; `base`: its keys as the policy has them."""
    best, *others = [row for _, row in numbered(rows)]
    if not best.mean(GAIN) > 0:
        return [Finding("no_goodput", "No setting served a single call in time.", (), "problem")]
    return [
        _best(best, others),
        *_base(best, rows, base),
        *_sure(others),
        *_keys(grid, rows),
        *_cheaper(best, rows),
    ]


def _best(best: Row, others: Sequence[Row]) -> Finding:
    text = (
        f"Best: {label(best.settings)}: goodput {_shown(best, GAIN.name)} a second, p99 of ok calls"
        f" {_shown(best, TAIL.name)}, {_shown(best, COST.name)} tokens a call in time."
    )
    evidence = [f"{label(row.settings)}: {_behind(row)}" for row in others[:TWO]]
    if len(others) > TWO:
        evidence.append(f"the worst, {label(others[-1].settings)}: {_behind(others[-1])}")
    return Finding("best_setting", text, tuple(evidence), "good")


def _base(best: Row, rows: Sequence[Row], base: Mapping[str, Any]) -> list[Finding]:
    """How far the policy is behind as it is; nothing where it is no setting of the grid, or the best one."""
    found = next((row for row in rows if dict(row.settings) == dict(base)), None)
    if found is None:
        return []
    if found is best:
        return [Finding("base_behind", "The best setting is the policy as it is.", (), "note")]
    text = f"The policy as it is, {label(found.settings)}, is {_behind(found)}"
    chance = math.isnan(found.sure) or found.behind <= found.sure
    text += ", which may be chance." if chance else ": more than chance."
    return [Finding("base_behind", text, (), "note")]


def _behind(row: Row) -> str:
    half = "" if math.isnan(row.sure) else f" ± {row.sure:.2f}"
    return f"{row.behind:.2f}{half} goodput a second behind"


def _sure(others: Sequence[Row]) -> list[Finding]:
    if not others:
        return []
    if all(math.isnan(row.sure) for row in others):
        text, level = "One seed: how much of a difference is chance cannot be told.", []
    else:
        level = [row for row in others if row.behind - row.sure <= 0]
        text = "Every other is behind it by more than chance, each by itself: no 95 % interval holds 0."
    if level:
        named = f", {label(level[0].settings)}," if len(level) == 1 < len(others) else ""
        some = "All" if len(level) == len(others) else f"{len(level)} of {len(others)}"
        text = f"{some} others{named} may be as good: the loss's 95 % interval holds 0."
    return [
        Finding("sureness", text, tuple(f"{label(row.settings)}: {_behind(row)}" for row in level), "note")
    ]


def _keys(grid: Mapping[str, Sequence[Any]], rows: Sequence[Row]) -> list[Finding]:
    """Which key moves goodput most; nothing of a grid that varies fewer than two."""
    varied = [key for key, values in grid.items() if len(values) > 1]
    if len(varied) < TWO:
        return []
    spreads = sorted(((spread(rows, key), key) for key in varied), key=lambda s: -s[0])
    (most, first), *rest = spreads
    others = say.listed([f"{key} by {moved:.2f}" for moved, key in rest])
    text = f"{first} matters most: it moves goodput by {most:.2f} a second, {others}."
    evidence = [f"{key}: {', '.join(shown(value) for value in grid[key])}" for _, key in spreads]
    return [Finding("key_matters", text, tuple(evidence), "note")]


def spread(rows: Sequence[Row], key: str) -> float:
    """Highest - lowest mean goodput over a key's values with the others fixed, averaged over the others."""
    gains: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        rest = label({name: value for name, value in row.settings.items() if name != key})
        gains[rest].append(row.mean(GAIN))
    ranges = [max(group) - min(group) for group in gains.values()]
    return sum(ranges) / len(ranges)


def _cheaper(best: Row, rows: Sequence[Row]) -> list[Finding]:
    cheap = min((row for row in rows if row.pareto), key=lambda row: row.mean(COST), default=best)
    if cheap is best or not cheap.mean(COST) < best.mean(COST):
        return []
    fewer = 1 - cheap.mean(COST) / best.mean(COST)
    text = (
        f"Cheapest on the front: {label(cheap.settings)}: {say.share(fewer)} fewer tokens a call in time for"
        f" {cheap.behind:.2f} less goodput a second."
    )
    return [Finding("cheaper_setting", text, (_behind(cheap),), "note")]


def _shown(row: Row, name: str) -> str:
    return figure_text(row.mean(MEASURES[name]), MEASURES[name])

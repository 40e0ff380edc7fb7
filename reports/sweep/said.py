"""What the rows of a sweep say, in sentences: which setting is best, how sure that is, what is cheaper."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.sweep.result import COST, GAIN, Row, label, numbered
from reports.virtual.measures import MEASURES, figure_text

TAIL = MEASURES["call_latency.p99"]


def sentences(rows: Sequence[Row]) -> list[str]:
    """The best setting; those that may be as good; the cheapest that nothing beats, if it is another."""
    best, *others = [row for _, row in numbered(rows)]
    if not best.mean(GAIN) > 0:
        return ["No setting served a single call in time."]
    found = (
        f"Best: {label(best.settings)}: goodput {_shown(best, GAIN.name)} a second,"
        f" p99 of ok calls {_shown(best, TAIL.name)}, {_shown(best, COST.name)} tokens a good call."
    )
    return [found, *_sure(others), *_cheaper(best, rows)]


def _sure(others: Sequence[Row]) -> list[str]:
    if not others:
        return []
    if all(math.isnan(row.sure) for row in others):
        return ["One seed: how much of a difference is chance cannot be told."]
    level = [row for row in others if row.behind - row.sure <= 0]
    if not level:
        return ["Every other is behind it by more than chance, each by itself: no 95 % interval holds 0."]
    named = f", {label(level[0].settings)}," if len(level) == 1 else ""
    return [f"{len(level)} of {len(others)} others{named} may be as good: the loss's 95 % interval holds 0."]


def _cheaper(best: Row, rows: Sequence[Row]) -> list[str]:
    cheap = min((row for row in rows if row.pareto), key=lambda row: row.mean(COST), default=best)
    if cheap is best or not cheap.mean(COST) < best.mean(COST):
        return []
    share = 100 * (1 - cheap.mean(COST) / best.mean(COST))
    price = f"{share:.0f} % fewer tokens a good call for {cheap.behind:.2f} less goodput a second"
    return [f"Cheapest on the front: {label(cheap.settings)}: {price}."]


def _shown(row: Row, name: str) -> str:
    return figure_text(row.mean(MEASURES[name]), MEASURES[name])

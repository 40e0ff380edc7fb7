"""Numbers as people read them; the terminal, the pages and the plots share these."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from reports.figures.objectives import OF_STREAMS
from reports.figures.totals import INFINITE

#: Where a number cannot be given: no samples, or too few of them.
NOTHING = "–"
INFINITY = "∞"

MS_PER_S = 1000.0

# One decimal of a percentage shows no less.
SMALLEST_SHARE = 0.001
# From ten dollars on, cents are three digits and more.
PLAIN_DOLLARS = 10.0
# Two minutes are still read well in seconds.
MOST_PLAIN_SECONDS = 120


def count(value: int | None) -> str:
    """2,741."""
    return NOTHING if value is None else f"{value:,}"


def number(value: float | None, digits: int = 2) -> str:
    """A plain number with a fixed count of decimals."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    """A share as a percentage; a small but real one is never shown as zero."""
    if value is None:
        return NOTHING
    if 0 < value < SMALLEST_SHARE:
        return "<0.1 %"
    return f"{100 * value:.1f} %"


def latency(value_ms: float | str | None) -> str:
    """Milliseconds with the unit and digits that suit their size."""
    if value_ms is None:
        return NOTHING
    if value_ms == INFINITE:
        return INFINITY
    value = float(value_ms)
    for least, divisor, digits, unit in _LATENCY_FORMS:
        if abs(value) >= least:
            return f"{value / divisor:,.{digits}f} {unit}"
    return f"{value * MS_PER_S:.0f} µs"


def interval(found: Mapping[str, Any]) -> str:
    """A latency as `{"value", "low", "high"}`, with the ends of its interval where it has one."""
    value = latency(found["value"])
    if found["low"] is None:
        return value
    return f"{value} ({latency(found['low'])} – {latency(found['high'])})"


_LATENCY_FORMS = (
    (99_950.0, MS_PER_S, 0, "s"),
    (9_995.0, MS_PER_S, 1, "s"),
    (999.5, MS_PER_S, 2, "s"),
    (99.95, 1.0, 0, "ms"),
    (1.0, 1.0, 1, "ms"),
)


def duration(seconds: float | None) -> str:
    """A stretch of time: 45 s, 3 min, 1 h 30 min."""
    if seconds is None:
        return NOTHING
    if seconds < MOST_PLAIN_SECONDS:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{value} {unit}" for value, unit in parts if value)


def usd(value: float | str | None) -> str:
    """US dollars: three digits of a small sum, cents of a larger; a real one is never shown as nothing."""
    if value is None:
        return NOTHING
    if value == INFINITE:
        return INFINITY
    amount = float(value)
    if amount == 0 or amount >= PLAIN_DOLLARS:
        return f"${amount:,.2f}"
    return f"${amount:.{2 - math.floor(math.log10(amount))}f}"


def cost_note(summary: Mapping[str, Any]) -> str:
    """What a good call cost and what was wasted; or which models have no price."""
    found = summary["cost_usd"]
    if lacking := unpriced(found["unpriced"]):
        return f"{lacking} in {clean(found['prices'])}: see --prices"
    return f"{usd(found['per_good_call'])} a good call; {usd(found['wasted'])} wasted"


def unpriced(models: Sequence[str]) -> str:
    """The models without a price, so that no sum can be given; empty where there is none."""
    return f"no price for {clean(', '.join(models))}" if models else ""


def failures(summary: Mapping[str, Any]) -> str:
    """How failed calls count among the latencies of all calls."""
    if summary["failures"] == "took":
        return "of all calls: failed ones by how long they took"
    return f"{INFINITY} among failed calls"


def objectives(limits_ms: dict[str, float]) -> str:
    """The objectives of goodput in words."""
    return " and ".join(f"{metric} ≤ {_limit(limit)}" for metric, limit in limits_ms.items())


def goodput(summary: Mapping[str, Any]) -> str:
    """The same of a run, saying so where it has no streams to meet them with."""
    met = objectives(summary["goodput_objectives_ms"])
    never = unmet(summary)
    return f"{met} ({never})" if never else met


def missing(summary: Mapping[str, Any]) -> list[str]:
    """What a run cannot tell, beside the dashes that say so: of objectives, and of costs."""
    found = (unmet(summary), unpriced(summary["cost_usd"]["unpriced"]))
    return [each for each in found if each]


def unmet(summary: Mapping[str, Any]) -> str:
    """The objectives that no call of a run could meet, for want of streams; empty where it could."""
    never = [m for m in summary["goodput_objectives_ms"] if m in OF_STREAMS and summary[f"{m}_ms"] is None]
    return f"{', '.join(never)} not met: no streams" if never else ""


def _limit(limit_ms: float) -> str:
    return f"{limit_ms / MS_PER_S:g} s" if limit_ms >= MS_PER_S else f"{limit_ms:g} ms"


def clean(text: Any) -> str:
    """One line of text that cannot steer a terminal: control characters become spaces."""
    return "".join(c if c.isprintable() else " " for c in str(text))

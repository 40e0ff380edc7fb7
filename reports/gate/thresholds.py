"""Thresholds on single runs, in k6's manner: `call_latency p(99)<20s`, `outcomes.timeout rate<1%`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.errors import nearest
from harness.model import Outcome as Ending
from reports.errors import UsageError
from reports.figures.quantiles import quantile
from reports.figures.totals import ATTEMPT_OUTCOMES, finite
from reports.gate.sampled import LATENCIES, Sampled, least_samples
from reports.gate.verdict import Check, Verdict
from reports.telling import words

#: Counts out of a whole: the figures of the summary, by dotted names.
_OUTCOMES = {f"outcomes.{name}": "calls" for name in Ending}
_ATTEMPTS = {f"attempt_outcomes.{name}": "attempts" for name in ATTEMPT_OUTCOMES}
PARTS: dict[str, str] = {"good_calls": "calls", **_OUTCOMES, **_ATTEMPTS}

COUNTS = ("calls", "attempts", "in_flight_at_end", "tokens.prompt", "tokens.completion", "tokens.wasted")
SHARES = ("shed_rate", "breaker_open_fraction")
VALUES = ("request_goodput", "request_throughput", "offered_rate", "amplification", "duration_s", *SHARES)

METRICS = (*LATENCIES, *PARTS, *COUNTS, *VALUES)

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}

_FORM = re.compile(
    r"(?P<metric>[\w.]+)\s+(?P<aggregate>\w+)(?:\(\s*(?P<percent>[\d.]+)\s*\))?\s*"
    r"(?P<comparison><=|>=|===?|!=|<|>)\s*(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>\w+|%)?"
)
_SHAPE = "METRIC AGGREGATE<VALUE, such as 'call_latency p(99)<20s'"

#: Milliseconds a unit.
_TIMES_MS = {"us": 0.001, "µs": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0, "min": 60_000.0}

_PERCENT = "p"
_OF_LATENCIES = (_PERCENT, "avg", "min", "max", "med", "count")


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a run's figure must be. `share` is that of a percentile, `limit` in milliseconds for a time."""

    text: str
    metric: str
    aggregate: str
    share: float | None
    comparison: str
    limit: float

    @property
    def timed(self) -> bool:
        """Whether it is held against a time."""
        return self.metric in LATENCIES and self.aggregate != "count"


def parse(text: str) -> Threshold:
    """A threshold as it is written. Raises UsageError that names the part that is wrong."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"--threshold {text!r}: expected {_SHAPE}")
    metric, aggregate, percent = found["metric"], found["aggregate"], found["percent"]
    if metric not in METRICS:
        short = ", ".join((*LATENCIES, "outcomes.OUTCOME", "attempt_outcomes.OUTCOME", *COUNTS, *VALUES))
        raise UsageError(
            f"--threshold {text!r}: {metric!r}: expected one of {short}{nearest(metric, list(METRICS))}"
        )
    known = _aggregates(metric)
    if aggregate not in known or (percent is None) == (aggregate == _PERCENT):
        given = aggregate if percent is None else f"{aggregate}({percent})"
        shown = ", ".join("p(N)" if name == _PERCENT else name for name in known)
        raise UsageError(
            f"--threshold {text!r}: {given!r}: {metric} has {shown}{nearest(aggregate, list(known))}"
        )
    share = None if percent is None else _share(text, percent)
    comparison = found["comparison"].replace("===", "==")
    timed = metric in LATENCIES and aggregate != "count"
    relative = aggregate == "rate" or metric in SHARES
    limit = _limit(text, float(found["number"]), found["unit"], timed=timed, relative=relative)
    return Threshold(text.strip(), metric, aggregate, share, comparison, limit)


def check(threshold: Threshold, sampled: Sampled) -> Check:
    """Whether a run is within it; inconclusive where it has too few samples to say."""
    value, missing = _value(threshold, sampled)
    if missing:
        return Check(threshold.text, Verdict.INCONCLUSIVE, missing, run=_name(sampled))
    kept = COMPARISONS[threshold.comparison](value, threshold.limit)
    return Check(
        threshold.text,
        Verdict.PASS if kept else Verdict.REGRESSION,
        "" if kept else f"it is {_shown(threshold, value)}",
        {"after": _shown(threshold, value)},
        data={"value": finite(value), "limit": threshold.limit, "comparison": threshold.comparison},
        run=_name(sampled),
    )


def _aggregates(metric: str) -> tuple[str, ...]:
    if metric in LATENCIES:
        return _OF_LATENCIES
    if metric in PARTS:
        return ("rate", "count")
    return ("count", "value") if metric in COUNTS else ("value",)


def _share(text: str, percent: str) -> float:
    try:
        share = float(percent) / 100
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise UsageError(f"--threshold {text!r}: p({percent}): expected a percentile from 0 to 100")
    return share


def _limit(text: str, number: float, unit: str | None, *, timed: bool, relative: bool) -> float:
    """The limit in milliseconds, as a fraction, or as it stands."""
    known: dict[str, float] = _TIMES_MS if timed else {"%": 0.01} if relative else {}
    if unit is None:
        return number
    if unit not in known:
        what = f"one of {', '.join(known)}, or none" if known else "a number without a unit"
        raise UsageError(f"--threshold {text!r}: unit {unit!r}: expected {what}")
    return number * known[unit]


def _value(threshold: Threshold, sampled: Sampled) -> tuple[float, str]:
    """The figure, or why there is none."""
    if threshold.metric in LATENCIES:
        return _of_latency(threshold, sampled)
    found = sampled.plain(threshold.metric)
    if found is None:
        found = 0 if threshold.metric in PARTS else None
    if threshold.aggregate == "rate":
        whole = sampled.plain(PARTS[threshold.metric])
        return (found / whole, "") if whole else (math.nan, f"there are no {PARTS[threshold.metric]}")
    return (math.nan, "the run has none") if found is None else (float(found), "")


def _of_latency(threshold: Threshold, sampled: Sampled) -> tuple[float, str]:
    ordered = sampled.ordered(threshold.metric)
    if threshold.aggregate == "count":
        return float(len(ordered)), ""
    share = 0.5 if threshold.aggregate == "med" else threshold.share
    least = 1 if share is None else least_samples(share)
    if len(ordered) < least:
        return math.nan, f"{words.count(len(ordered))} samples: expected {words.count(least)} or more"
    if share is not None:
        return quantile(ordered, share), ""
    return {"avg": float(ordered.mean()), "min": float(ordered[0]), "max": float(ordered[-1])}[
        threshold.aggregate
    ], ""


def _shown(threshold: Threshold, value: float) -> str:
    if math.isinf(value):
        return words.INFINITY
    if threshold.timed:
        return words.latency(value)
    if threshold.aggregate == "rate" or threshold.metric in SHARES:
        return words.percent(value)
    return words.count(int(value)) if value.is_integer() else words.number(value)


def _name(sampled: Sampled) -> str:
    return words.clean(sampled.run.manifest.run)


def check_all(thresholds: Sequence[Threshold], runs: Sequence[Sampled]) -> list[Check]:
    """Every threshold on every run."""
    return [check(threshold, sampled) for sampled in runs for threshold in thresholds]

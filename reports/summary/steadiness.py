"""The section `steady` of a run's summary: whether it was steady, of which part, and its latencies there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.figures import metrics
from reports.figures.failures import Failures, took_ms
from reports.figures.quantiles import LEAST_SAMPLES
from reports.figures.totals import finite
from reports.reading.run import NS_PER_MS, NS_PER_S, Floats, Ints, Run
from reports.statistics import batches, interval, steady
from reports.statistics.interval import Estimate

RULE = f"{steady.RULE} {batches.RULE}, {interval.REFUSALS}."


@dataclass(frozen=True, slots=True)
class _Part:
    """The calls that are left, `start` to `stop` in the order they were due, and why they are not steady."""

    start: int
    stop: int
    from_ns: int
    to_ns: int
    why: str


def section(run: Run, failures: Failures = "infinite") -> dict[str, Any]:
    """`{"holds", "why", "rule", "warm_up_s", "drain_s", "from_s", "to_s", "calls", "call_latency_ms", ...}`.

    `why` is empty where it holds. `call_latency_ms` (ok calls) and `call_latency_all_ms` (with `failures` as
    `summarise` has them) have for every percentile `{"value", "low", "high", "why"}`, of the part from
    `from_s` to `to_s`. All but the first three are null for a run whose load changes by design, and for one
    without an ok call.
    """
    if steady.offered_changes(run.manifest.schedule):
        return _nothing(steady.CHANGES)
    if not run.ok.any():
        return _nothing("no call ended ok")
    order = _order(run.calls.intended_ns)
    latency_ms = metrics.call_latency_all_ms(run.calls)[order]
    part = _part(run.window_ns, run.calls.intended_ns[order], latency_ms)
    kept = slice(part.start, part.stop)
    if failures == "took":
        of_all = _latencies(took_ms(run.calls)[order][kept], part.why)
    else:
        of_all = _latencies(latency_ms[kept], part.why)
    fine = np.isfinite(latency_ms[kept])
    latency_ms = latency_ms[kept][fine]
    of_ok = of_all if fine.all() else _latencies(latency_ms, part.why)
    return {
        "holds": not part.why,
        "why": part.why,
        "rule": RULE,
        "warm_up_s": part.from_ns / NS_PER_S,
        "drain_s": (run.window_ns - part.to_ns) / NS_PER_S,
        "from_s": part.from_ns / NS_PER_S,
        "to_s": part.to_ns / NS_PER_S,
        "calls": part.stop - part.start,
        "call_latency_ms": of_ok,
        "call_latency_all_ms": of_all,
    }


def _nothing(why: str) -> dict[str, Any]:
    keys = ("warm_up_s", "drain_s", "from_s", "to_s", "calls", "call_latency_ms", "call_latency_all_ms")
    return {"holds": False, "why": why, "rule": RULE, **dict.fromkeys(keys)}


def _order(due_ns: Ints) -> Ints | slice:
    """By the instants calls were due. Call ids are in that order but in a closed loop."""
    return slice(None) if bool((np.diff(due_ns) >= 0).all()) else np.argsort(due_ns, kind="stable")


def _part(window_ns: int, due_ns: Ints, latency_ms: Floats) -> _Part:
    """The run without its warm-up and its drain. Latencies in the order calls were due, not all infinite."""
    ok_ms = latency_ms[np.isfinite(latency_ms)]
    to_ns = window_ns - round(steady.drain(ok_ms, window_ns / NS_PER_MS) * NS_PER_MS)
    stop = int(np.searchsorted(due_ns, to_ns))
    if not np.isfinite(latency_ms[:stop]).any():
        return _Part(0, stop, 0, to_ns, "no call ended ok before the drain")
    series = steady.tame(latency_ms[:stop])
    if few := steady.too_few(series):
        return _Part(0, stop, 0, to_ns, few)
    first = steady.warm_up(series)
    if first is None:
        return _Part(0, stop, 0, to_ns, "the warm-up is not over by half of the run")
    return _Part(first, stop, int(due_ns[first]) if first else 0, to_ns, steady.wanders(series[first:]))


def _latencies(series_ms: Floats, unsteady: str) -> dict[str, Any]:
    sample = batches.batches(series_ms)
    return {name: _estimate(batches.estimate_within(sample, name), unsteady) for name in LEAST_SAMPLES}


def _estimate(found: Estimate, unsteady: str) -> dict[str, Any]:
    """As JSON holds it. What is not steady has values, of which nobody knows how sure they are."""
    if unsteady and found.value is not None:
        found = Estimate(found.value, None, None, "the run is not steady")
    return {
        "value": finite(found.value),
        "low": finite(found.low),
        "high": finite(found.high),
        "why": found.why,
    }

"""A run over its clock: the series that plots draw. Everything is placed at its intended instant.

So one moment shows the fate of the calls that were due in it, whenever they ended, and the gap between what
was offered and what succeeded is what customers lost. Requests on the wire stand at the instant they left.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.model import Outcome
from reports.figures import breaker, generator, metrics
from reports.figures.objectives import Objective
from reports.figures.quantiles import LEAST_SAMPLES, quantile
from reports.reading.run import NS_PER_S, Bools, Floats, Ints, Run

NICE_WIDTHS_S = (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
FEWEST_BINS, MOST_BINS = 12, 72
CALLS_PER_BIN = 12
INSTANTS = 480

# A window of as many calls as p95 asks for narrows at the peak, where the detail is.
ROLLING_CALLS = LEAST_SAMPLES["p95"][1]
SMALL_RUN_CALLS = LEAST_SAMPLES["p50"][1]
MOST_WINDOWS = 60
STEPS_PER_WINDOW = 8


@dataclass(frozen=True, slots=True)
class Rolling:
    """Percentiles of `calls` consecutive calls at a time, at the instant the middle one was due.

    nan where so few calls cannot tell the percentile.
    """

    calls: int
    at_s: Floats
    p50: Floats
    p95: Floats
    p99: Floats


@dataclass(frozen=True, slots=True)
class Timeline:
    """The series of one run. Rates are a second, in bins that `edges_s` bounds; latencies are seconds."""

    window_s: float
    edges_s: Floats
    offered: Floats
    ok: Floats
    good: Floats
    sent: Floats
    outcomes: dict[str, Floats]
    attempts_per_call: Floats
    due_s: Floats
    latency_s: Floats
    latency: Rolling
    instants_s: Floats
    calls_in_flight: Ints
    requests_in_flight: Ints
    lag_p50_ms: Floats
    lag_max_ms: Floats
    loop_lag_max_ms: Floats
    cpu_max: Floats
    breakers: tuple[tuple[breaker.Span, ...], ...]


def build(run: Run, objectives: Sequence[Objective]) -> Timeline:
    """All series of a run; `latency_s` is infinite for failed calls."""
    calls, attempts = run.calls, run.attempts
    window_s = max(run.window_s, 1e-9)
    due_s = calls.intended_ns / NS_PER_S
    edges = bin_edges(window_s, len(calls))
    latency_s = metrics.call_latency_all_ms(calls) / 1000
    instants = np.linspace(0, window_s, INSTANTS)
    lag_s, loop_s, loop_value = _lags(run)
    per_bin = binned(due_s, calls.attempts.astype(np.float64), edges)
    return Timeline(
        window_s=window_s,
        edges_s=edges,
        offered=rate(due_s, edges),
        ok=rate(due_s[run.ok], edges),
        good=rate(due_s[metrics.good(run, objectives)], edges),
        sent=rate(attempts.sent_ns / NS_PER_S, edges),
        outcomes=_outcome_rates(run, due_s, edges),
        attempts_per_call=np.array([b.mean() if len(b) else np.nan for b in per_bin]),
        due_s=due_s,
        latency_s=latency_s,
        latency=rolling(due_s, latency_s),
        instants_s=instants,
        calls_in_flight=in_flight(calls.start_ns, calls.end_ns, instants),
        requests_in_flight=in_flight(attempts.sent_ns, attempts.end_ns, instants),
        lag_p50_ms=np.array(
            [quantile(np.sort(b), 0.5) if len(b) else np.nan for b in binned(due_s, lag_s, edges)]
        ),
        lag_max_ms=_maxima(binned(due_s, lag_s, edges)),
        loop_lag_max_ms=_maxima(binned(loop_s, loop_value, edges)),
        cpu_max=generator.busiest_by_bin(generator.busy(run.events), edges),
        breakers=tuple(
            tuple(breaker.spans(run.events, worker, run.window_ns)) for worker in range(run.manifest.workers)
        ),
    )


def bin_edges(window_s: float, calls: int) -> Floats:
    """Bounds of equal bins of a width people count in, fewer where calls are few; the last may be shorter."""
    most = min(max(FEWEST_BINS, calls // CALLS_PER_BIN), MOST_BINS)
    width = next((w for w in NICE_WIDTHS_S if window_s / w <= most), window_s / most)
    whole = math.floor(window_s / width + 1e-9)
    edges = [n * width for n in range(whole + 1)]
    if whole == 0 or window_s - edges[-1] > width * 1e-6:
        edges.append(window_s)
    edges[-1] = window_s
    return np.array(edges, dtype=np.float64)


def rate(at_s: Floats, edges: Floats) -> Floats:
    """Events a second in each bin; the last bin includes its upper bound."""
    counts, _ = np.histogram(at_s, edges)
    return np.asarray(counts / np.diff(edges), dtype=np.float64)


def binned(at_s: Floats, values: Floats, edges: Floats) -> list[Floats]:
    """The values of each bin, by their instants."""
    order = np.argsort(at_s, kind="stable")
    bounds = np.searchsorted(at_s[order], edges, side="left")
    bounds[-1] = np.searchsorted(at_s[order], edges[-1], side="right")
    ordered = values[order]
    return [ordered[a:b] for a, b in itertools.pairwise(bounds)]


def rolling(at_s: Floats, values: Floats) -> Rolling:
    """p50, p95 and p99 over windows that slide along the calls in order of `at_s`."""
    size = max(ROLLING_CALLS, len(values) // MOST_WINDOWS)
    if len(values) < 2 * ROLLING_CALLS:
        size = SMALL_RUN_CALLS
    step = max(1, size // STEPS_PER_WINDOW)
    order = np.argsort(at_s, kind="stable")
    times, ordered = at_s[order], values[order]
    firsts = range(0, len(values) - size + 1, step)
    windows = [np.sort(ordered[first : first + size]) for first in firsts]
    middles = np.array([times[first + size // 2] for first in firsts])
    return Rolling(size, middles, *(_quantiles(windows, name) for name in ("p50", "p95", "p99")))


def in_flight(start_ns: Ints, end_ns: Ints, instants_s: Floats) -> Ints:
    """How many intervals [start, end) hold each instant."""
    at_ns = instants_s * NS_PER_S
    begun = np.searchsorted(np.sort(start_ns), at_ns, side="right")
    over = np.searchsorted(np.sort(end_ns), at_ns, side="right")
    return np.asarray(begun - over, dtype=np.int64)


def _quantiles(windows: Sequence[Floats], name: str) -> Floats:
    q, least = LEAST_SAMPLES[name]
    return np.array([quantile(w, q) if len(w) >= least else np.nan for w in windows])


def _maxima(bins: Sequence[Floats]) -> Floats:
    return np.array([b.max() if len(b) else np.nan for b in bins])


def _outcome_rates(run: Run, due_s: Floats, edges: Floats) -> dict[str, Floats]:
    """Rates of the outcomes that occur, ok first."""
    outcome = run.calls.outcome
    names = [n for n, c in metrics.counts(outcome, tuple(Outcome)).items() if c]
    masks: dict[str, Bools] = {name: outcome == name for name in names}
    return {name: rate(due_s[mask], edges) for name, mask in masks.items()}


def _lags(run: Run) -> tuple[Floats, Floats, Floats]:
    """Schedule lag of each call in ms; when the loop's lag was sampled in s, and those samples in ms."""
    loop = run.events.name == "loop_lag"
    lag_ms = metrics.schedule_lag_ms(run.calls)
    return lag_ms, run.events.at_ns[loop] / NS_PER_S, metrics.loop_lag_ms(run.events)

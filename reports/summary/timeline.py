"""A run over its clock: the series that plots draw. Everything is placed at its intended instant.

So one moment shows the fate of the calls that were due in it, whenever they ended, and the gap between what
was offered and what succeeded is what customers lost. Requests on the wire stand at the instant they left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.model import Outcome
from reports.figures import breaker, generator, metrics, queueing
from reports.figures.objectives import Objective
from reports.figures.pieces import pieces
from reports.figures.quantiles import LEAST_SAMPLES, quantile
from reports.reading.run import NS_PER_S, Floats, Ints, Run
from reports.summary.latencies import Dots, Latencies, dots, latencies

NICE_WIDTHS_S = (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
FEWEST_BINS, MOST_BINS = 12, 72
CALLS_PER_BIN = 12
INSTANTS = 480

# A window of as many calls as p95 asks for narrows at the peak, where the detail is.
ROLLING_CALLS = LEAST_SAMPLES["p95"][1]
SMALL_RUN_CALLS = LEAST_SAMPLES["p50"][1]
MOST_WINDOWS = 60
STEPS_PER_WINDOW = 8
ROLLING = ("p50", "p95", "p99")

#: The bin of each row; there are fewer than 256.
Places = NDArray[np.uint8]


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
    dots: Dots
    latency: Rolling
    latencies: Latencies
    instants_s: Floats
    calls_in_flight: Ints
    requests_in_flight: Ints
    lag_p50_ms: Floats
    lag_max_ms: Floats
    loop_lag_max_ms: Floats
    cpu_max: Floats
    breakers: tuple[tuple[breaker.Span, ...], ...]
    clients: tuple[int, ...]
    backlog: queueing.Backlog | None


def build(run: Run, objectives: Sequence[Objective]) -> Timeline:
    """All series of a run."""
    calls, attempts = run.calls, run.attempts
    window_s = max(run.window_s, 1e-9)
    edges = bin_edges(window_s, len(calls))
    due, width_s = places(calls.intended_ns, edges), np.diff(edges)
    instants = np.linspace(0, window_s, INSTANTS)
    due_s, latency_s = calls.intended_ns / NS_PER_S, metrics.call_latency_all_ms(calls) / 1000
    lag_p50_ms, lag_max_ms = _lags(run, due, len(width_s))
    loop = run.events.name == "loop_lag"
    return Timeline(
        window_s=window_s,
        edges_s=edges,
        offered=rate(due, width_s),
        ok=rate(due[run.ok], width_s),
        good=rate(due[metrics.good(run, objectives)], width_s),
        sent=rate(places(attempts.sent_ns, edges), width_s),
        outcomes=_outcome_rates(run, due, width_s),
        attempts_per_call=_each(calls.attempts, due, len(width_s), np.mean),
        dots=dots(due_s, latency_s),
        latency=rolling(due_s, latency_s),
        latencies=latencies(latency_s),
        instants_s=instants,
        calls_in_flight=in_flight(calls.start_ns, calls.end_ns, instants),
        requests_in_flight=in_flight(attempts.sent_ns, attempts.end_ns, instants),
        lag_p50_ms=lag_p50_ms,
        lag_max_ms=lag_max_ms,
        loop_lag_max_ms=_each(
            metrics.loop_lag_ms(run.events), places(run.events.at_ns[loop], edges), len(width_s), np.max
        ),
        cpu_max=generator.busiest_by_bin(generator.busy(run.events), edges),
        breakers=tuple(
            tuple(breaker.spans(run.events, worker, run.window_ns)) for worker in run.manifest.clients
        ),
        clients=tuple(run.manifest.clients),
        backlog=None if run.manifest.queue is None else queueing.backlog(run),
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


def places(at_ns: Ints, edges: Floats) -> Places:
    """The bin of each instant, the last with its upper bound; one more than there are for those in none."""
    found = np.empty(len(at_ns), np.uint8)
    outside = len(edges) - 1
    for piece in pieces(len(at_ns)):
        at_s = at_ns[piece] / NS_PER_S
        place = np.searchsorted(edges, at_s, side="right") - 1
        place[at_s == edges[-1]] = outside - 1
        place[place < 0] = outside
        found[piece] = place
    return found


def rate(bins: Places, width_s: Floats) -> Floats:
    """Events a second in each bin."""
    return np.asarray(np.bincount(bins, minlength=len(width_s) + 1)[:-1] / width_s, dtype=np.float64)


def _each(values: Any, bins: Places, count: int, of: Callable[[Any], Any]) -> Floats:
    """A figure of the values in each bin; nan of an empty one."""
    return np.array([of(mine) if len(mine) else np.nan for mine in binned(values, bins, count)])


def binned(values: Any, bins: Places, count: int) -> Iterator[Any]:
    """The values of each bin, one bin after the other."""
    for number in range(count):
        yield values[bins == number]


def rolling(at_s: Floats, values: Floats) -> Rolling:
    """p50, p95 and p99 over windows that slide along the calls in order of `at_s`."""
    size = max(ROLLING_CALLS, len(values) // MOST_WINDOWS)
    if len(values) < 2 * ROLLING_CALLS:
        size = SMALL_RUN_CALLS
    step = max(1, size // STEPS_PER_WINDOW)
    if (at_s[1:] < at_s[:-1]).any():
        order = np.argsort(at_s, kind="stable")
        at_s, values = at_s[order], values[order]
    firsts = range(0, len(values) - size + 1, step)
    rows = [_quantiles(np.sort(values[first : first + size])) for first in firsts]
    middles = np.array([at_s[first + size // 2] for first in firsts])
    return Rolling(size, middles, *np.array(rows, dtype=np.float64).reshape(-1, len(ROLLING)).T)


def in_flight(start_ns: Ints, end_ns: Ints, instants_s: Floats) -> Ints:
    """How many intervals [start, end) hold each instant."""
    at_ns = instants_s * NS_PER_S
    return _until(start_ns, at_ns) - _until(end_ns, at_ns)


def _until(then_ns: Ints, at_ns: Floats) -> Ints:
    """How many were at or before each instant: counted by the first instant that each is not after."""
    found = np.zeros(len(at_ns) + 1, np.int64)
    for piece in pieces(len(then_ns)):
        found += np.bincount(np.searchsorted(at_ns, then_ns[piece]), minlength=len(found))
    return np.cumsum(found)[:-1]


def _quantiles(ordered: Floats) -> list[float]:
    return [
        quantile(ordered, q) if len(ordered) >= least else np.nan
        for q, least in (LEAST_SAMPLES[name] for name in ROLLING)
    ]


def _outcome_rates(run: Run, due: Places, width_s: Floats) -> dict[str, Floats]:
    """Rates of the outcomes that occur, ok first."""
    outcome = run.calls.outcome
    names = [n for n, c in metrics.counts(outcome, tuple(Outcome)).items() if c]
    return {name: rate(due[outcome == name], width_s) for name in names}


def _lags(run: Run, due: Places, count: int) -> tuple[Floats, Floats]:
    """Schedule lag in ms of the calls due in each bin: the median and the maximum."""
    lag_ms = metrics.schedule_lag_ms(run.calls)
    return (
        _each(lag_ms, due, count, lambda mine: quantile(np.sort(mine), 0.5)),
        _each(lag_ms, due, count, np.max),
    )

"""A fit: what some runs tell of an API, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.errors import ScarceError
from reports.fit.failures import Failures, find_failures
from reports.fit.latency import FEWEST_REPLIES, Latency, fit_latency
from reports.fit.lengths import Lengths, fit_lengths
from reports.fit.limits import Limits, find_limits, over_a_limit
from reports.fit.line import Line, find_line
from reports.fit.observed import Observed, observe
from reports.reading.run import ABSENT, Bools, Clock, Floats, Run


@dataclass(frozen=True, slots=True)
class Span:
    """How long the runs were, and the hours they stand for; `alike` is whether that is the same of all."""

    length_s: float
    clock: Clock | None
    alike: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """What was found, part by part. `throttled` are the 429s that a limit explains."""

    observed: Observed
    span: Span
    latency: Latency
    lengths: Lengths | None
    limits: Limits
    line: Line | None
    failures: Failures
    throttled: Bools


def fit(runs: Sequence[Run]) -> Fit:
    """Fit a profile to runs of one API.

    Raises UnlikeError for runs of several, ScarceError for too few replies, RunError for unreadable files.
    """
    observed = observe(runs)
    _refuse_too_few(observed)
    span = _span(runs)
    places = _places(observed, span)
    # Slots that change are written by the hours of the evening: without those they are taken for constant.
    hours = places if span.clock is not None else np.zeros(len(places))
    latency = fit_latency(observed, hours)
    line = find_line(observed, latency, hours)
    limits = find_limits(observed)
    throttled = over_a_limit(observed, limits)
    explained = throttled if line is None else throttled | line.refused
    return Fit(
        observed=observed,
        span=span,
        latency=latency,
        lengths=fit_lengths(observed),
        limits=limits,
        line=line,
        failures=find_failures(observed, latency, explained, places),
        throttled=throttled,
    )


def _refuse_too_few(observed: Observed) -> None:
    counted = observed.ok & (observed.attempts.completion_tokens != ABSENT)
    streamed = int(np.count_nonzero(observed.streamed & observed.ok))
    n = max(streamed, int(np.count_nonzero(counted)))
    if n < FEWEST_REPLIES:
        ok = int(np.count_nonzero(observed.ok))
        uncounted = f" ({ok} replies without a count of their tokens)" if ok > n else ""
        raise ScarceError(
            f"{n} replies that tell of latency{uncounted}, {len(observed.attempts)} attempts in"
            f" {several(observed.runs)}: expected {FEWEST_REPLIES} replies or more (of --stream, best)"
        )


def several(runs: Sequence[object]) -> str:
    """How many runs, in words."""
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"


def _span(runs: Sequence[Run]) -> Span:
    lengths = [_length_s(run) for run in runs]
    clocks = [run.manifest.schedule.clock for run in runs]
    alike = len(set(lengths)) == 1 and len(set(clocks)) == 1
    return Span(max(lengths), clocks[0] if alike else None, alike)


def _length_s(run: Run) -> float:
    schedule = run.manifest.schedule
    if schedule.clock is not None:
        return schedule.clock.duration_s
    return schedule.duration_s or run.window_s or 1.0


def _places(observed: Observed, span: Span) -> Floats:
    """Where in its run each attempt was sent, 0 to 1; all at one place where the runs are not alike."""
    if not span.alike:
        return np.zeros(len(observed.attempts))
    return np.clip(observed.elapsed_s / span.length_s, 0.0, 1.0)

"""The fitted profile: the keys and values of its file, with what is to be said of each section."""

from __future__ import annotations

import math
from typing import Any

from reports.fit.bursts import Burst
from reports.fit.failures import Failure
from reports.fit.fit import Fit, Span
from reports.fit.gaps import USUAL_CV
from reports.reading.run import MINUTES_PER_DAY, MINUTES_PER_HOUR

#: Digits that are written of a number: more than any sample tells.
_DIGITS = 5

#: A rule with no chance would say nothing.
_LEAST_CHANCE = 1e-6

Document = dict[str, Any]


def profile_document(fit: Fit, name: str) -> Document:
    """The document that the mock server reads as a profile."""
    document: Document = {"name": name}
    if fit.span.alike:
        document["evening"] = _evening(fit.span)
    document["ttft"] = _ttft(fit)
    gaps = fit.latency.gaps
    document["inter_token"] = {
        "mean_ms": rounded(gaps.mean_ms),
        "cv": rounded(USUAL_CV if gaps.cv is None else gaps.cv),
    }
    if fit.lengths is not None:
        law = fit.lengths.law
        document["length"] = {"median_tokens": max(1.0, rounded(law.median)), "sigma": rounded(law.sigma)}
    document["limits"] = {limit.key: limit.value for limit in fit.limits.known} | {
        "window_s": fit.limits.window_s
    }
    capacity = _capacity(fit)
    if capacity:
        document["capacity"] = capacity
    rules = {"connection_faults": fit.failures.connections, "request_faults": fit.failures.requests}
    for key, failures in rules.items():
        written = [_rule(one, fit.span) for one in failures if one.probability >= _LEAST_CHANCE]
        if written:
            document[key] = written
    return document


def rounded(value: float) -> float:
    """As many digits as are written."""
    return float(f"{value:.{_DIGITS}g}")


def _evening(span: Span) -> Document:
    if span.clock is None:
        return {"duration_s": rounded(span.length_s)}
    return {"window": f"{_two(span.clock.start)}-{_two(span.clock.end)}", "duration_s": span.clock.duration_s}


def _two(clock: str) -> str:
    """The same with two digits; the midnight at the end of a day is the one at its beginning."""
    hour, _, minute = clock.partition(":")
    return f"{int(hour) % 24:02d}:{minute}"


def _ttft(fit: Fit) -> Document:
    law = fit.latency.first.law
    found = {
        "median_ms": rounded(law.usual.median),
        "sigma": rounded(law.usual.sigma),
        "slow_share": rounded(law.share),
    }
    if law.share:
        found |= {"slow_median_ms": rounded(law.slow.median), "slow_sigma": rounded(law.slow.sigma)}
    return found | {"per_1k_prompt_ms": rounded(fit.latency.per_1k_prompt_ms)}


def _capacity(fit: Fit) -> Document:
    """Slots and queue; ample ones where only the slowdown of a fuller API was seen, nothing where not even
    that was.
    """
    line, slowdown = fit.line, rounded(fit.latency.gaps.slowdown)
    if line is None:
        ample = fit.latency.ample
        return {"slots": ample, "queue": ample, "slowdown": slowdown} if slowdown else {}
    slots = line.slots
    found: Document = {"slots": slots.most, "queue": line.queue, "slowdown": slowdown}
    if slots.points and fit.span.clock is not None:
        found["background"] = _background(fit)
    if line.full:
        found["overload_status"] = line.status
        if line.retry_after_s is not None:
            found["overload_retry_after_s"] = round(line.retry_after_s, 3)
    return found


def _background(fit: Fit) -> list[list[object]]:
    """What the others hold: what is missing of the slots, at minutes of the evening's clock."""
    line = fit.line
    points: dict[str, float] = {}
    for place, ours in () if line is None else line.slots.points:
        share = 0.0 if line is None else 1 - ours / line.slots.most
        # A fraction whose slots come out whole: rounded, one of them would be lost.
        points.setdefault(minute_at(fit.span, place), share)
    return [[minute, share] for minute, share in points.items()]


def minute_at(span: Span, place: float) -> str:
    """The minute of the evening's clock at a place of the run, to the nearest."""
    if span.clock is None:
        return ""
    start, end = _minutes(span.clock.start), _minutes(span.clock.end)
    length = (end - start) % MINUTES_PER_DAY or MINUTES_PER_DAY
    minute = round(start + place * length) % MINUTES_PER_DAY
    return f"{minute // MINUTES_PER_HOUR:02d}:{minute % MINUTES_PER_HOUR:02d}"


def _minutes(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * MINUTES_PER_HOUR + int(minute)


def _rule(failure: Failure, span: Span) -> Document:
    found: Document = {"name": failure.name, "action": failure.action, **failure.settings}
    found["probability"] = rounded(failure.probability)
    return found | ({} if failure.burst is None else when(failure.burst, span))


def when(burst: Burst, span: Span) -> Document:
    """When a rule is in force: on the evening's clock, or else in seconds from its start."""
    window = (minute_at(span, burst.start), minute_at(span, burst.end))
    if span.clock is not None and window[0] != window[1]:
        return {"window": f"{window[0]}-{window[1]}"}
    first_s, last_s = burst.start * span.length_s, burst.end * span.length_s
    return {"from_s": math.floor(first_s), "to_s": max(math.ceil(last_s), math.floor(first_s) + 1)}

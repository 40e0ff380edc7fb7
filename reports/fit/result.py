"""A fit as the JSON beside its profile."""

from __future__ import annotations

from typing import Any

import numpy as np

from reports.fit import intervals
from reports.fit.beside import Laws
from reports.fit.document import profile_document, when
from reports.fit.failures import Failure
from reports.fit.fit import Fit, Span
from reports.fit.notes import notes
from reports.fit.observed import target

Result = dict[str, Any]


def result(fit: Fit, laws: Laws, name: str) -> Result:
    """What was fitted to what, how well, and what is not known."""
    observed = fit.observed
    return {
        "runs": [run.manifest.run for run in observed.runs],
        "target": target(observed.runs[0]),
        "model": observed.model,
        "attempts": len(observed.attempts),
        "replies": int(np.count_nonzero(observed.ok)),
        "streams": fit.latency.streamed,
        "profile": profile_document(fit, name),
        "laws": {key: law.document() for key, law in _named(laws).items()},
        "inter_token": _inter_token(fit),
        "per_1k_prompt_ms": _per_prompt(fit),
        "limits": {
            limit.key: {
                "value": limit.value,
                "n": limit.told,
                "source": limit.source,
                **({} if limit.ends is None else {"low": limit.ends[0], "high": limit.ends[1]}),
            }
            for limit in fit.limits.known
        },
        "capacity": _capacity(fit),
        "failures": [_failure(one, fit.span) for one in (*fit.failures.connections, *fit.failures.requests)],
        "throttled_by_limits": int(np.count_nonzero(fit.throttled)),
        "given_up": fit.failures.cut,
        "notes": notes(fit, laws),
    }


def _named(laws: Laws) -> dict[str, Any]:
    found = {"ttft": laws.ttft, "inter_token": laws.gap, "length": laws.length}
    return {key: law for key, law in found.items() if law is not None}


def _inter_token(fit: Fit) -> dict[str, Any]:
    gaps = fit.latency.gaps
    low, high = intervals.around(gaps.mean_ms, gaps.error_ms)
    return {"mean_ms": gaps.mean_ms, "low": low, "high": high, "replies": gaps.replies, "cv": gaps.cv}


def _per_prompt(fit: Fit) -> dict[str, float] | None:
    """None where chance could make it."""
    value = fit.latency.per_1k_prompt_ms
    if not value:
        return None
    low, high = intervals.around(value, fit.latency.per_1k_prompt_error_ms)
    return {"value": value, "low": low, "high": high}


def _capacity(fit: Fit) -> dict[str, Any] | None:
    line = fit.line
    if line is None:
        return None
    return {
        "slots": line.slots.most,
        "low": line.slots.low,
        "high": line.slots.high,
        "waited": line.slots.waited,
        "queue": line.queue if line.full else None,
        "refused": int(np.count_nonzero(line.refused)),
        "slowdown": fit.latency.gaps.slowdown,
    }


def _failure(one: Failure, span: Span) -> dict[str, Any]:
    return {
        "name": one.name,
        "action": one.action,
        **one.settings,
        "probability": one.probability,
        "low": one.low,
        "high": one.high,
        "count": one.count,
        "among": one.among,
        **({} if one.burst is None else when(one.burst, span)),
    }

"""What the pictures of a run show, in words: their numbers, for those who cannot see them."""

from __future__ import annotations

import numpy as np

from reports.figures.metrics import share
from reports.summary.result import Summary
from reports.summary.timeline import Timeline
from reports.telling import words


def evening(s: Summary) -> str:
    """What was offered, and what came of it."""
    return (
        f"{words.number(s['offered_rate'])} calls a second offered,"
        f" {words.number(s['request_throughput'])} ok, {words.number(s['request_goodput'])} ok in time;"
        f" {words.count(s['attempts'])} requests sent."
    )


def outcomes(s: Summary) -> str:
    """The share of each outcome."""
    shares = (f"{name} {words.percent(share(n, s['calls']))}" for name, n in s["outcomes"].items() if n)
    return f"Of {words.count(s['calls'])} calls: {', '.join(shares) or 'none'}."


def latency(s: Summary) -> str:
    """The middle and the tail over all calls."""
    return f"All calls, failures as infinite: {_percentiles(s, 'call_latency_all_ms')}."


def curve(s: Summary) -> str:
    """The same, and of calls that were ok."""
    return f"Calls ok: {_percentiles(s, 'call_latency_ms')}. {latency(s)}"


def attempts(s: Summary) -> str:
    """The mean over the run."""
    return f"{words.number(s['amplification'])} over the whole run."


def inflight(t: Timeline) -> str:
    """The most there were at once."""
    on_wire, inside = (int(np.max(n, initial=0)) for n in (t.requests_in_flight, t.calls_in_flight))
    return (
        f"At most {words.count(on_wire)} requests on the wire and {words.count(inside)} calls in the client."
    )


def lag(s: Summary) -> str:
    """How late the generator was."""
    return f"Schedule lag: {_percentiles(s, 'schedule_lag_ms')}."


def breaker(s: Summary) -> str:
    """How long breakers were open."""
    return f"Open for {words.percent(s['breaker_open_fraction'])} of the workers' time."


def _percentiles(s: Summary, key: str) -> str:
    return ", ".join(f"{name} {words.latency(s[key][name])}" for name in ("p50", "p95", "p99"))

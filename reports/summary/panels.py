"""Which plots the page of a run shows, with the words that say how to read them."""

from __future__ import annotations

import numpy as np

from reports.drawing.page import Plot
from reports.figures.injected import injected
from reports.reading.run import Run
from reports.summary import plots, queue_block, said
from reports.summary.latencies import Dots
from reports.summary.result import Summary
from reports.summary.timeline import Timeline
from reports.telling import words

STRIP_IN, MOST_STRIP_IN = 0.32, 3.0


def figures(run: Run, t: Timeline, s: Summary) -> list[Plot]:
    """The plots in reading order: what happened, then how it felt, then why."""
    shown = [*_happened(run, t, s), *_felt(run, t, s)]
    if t.backlog is not None:
        shown.append(_backlog(run, t, s))
    virtual = bool(run.manifest.generator.get("virtual"))
    shown.append(_in_flight(run, t, alone=virtual))
    if not virtual:  # where nothing takes time, nothing is late
        shown.append(_lag(run, t, s))
    if has_breaker(run):
        shown.append(_breaker(run, t, s))
    return shown


def _happened(run: Run, t: Timeline, s: Summary) -> list[Plot]:
    schedule = run.manifest.schedule
    bin_s = words.duration(float(t.edges_s[1] - t.edges_s[0]))
    due = "Calls stand at the instant they were due, whenever they ended"
    return [
        Plot(
            "evening",
            "The evening",
            f"{due}; requests when they were sent. Bins of {bin_s}. Grey above blue is what customers lost.",
            plots.evening(t, schedule.clock, schedule.curve, injected(run.events)),
            full=True,
            said=said.evening(s),
        ),
        Plot(
            "outcomes",
            "How the calls ended",
            f"{due}, in bins of {bin_s}.",
            plots.outcomes(t, schedule.clock),
            full=True,
            said=said.outcomes(s),
        ),
    ]


def _felt(run: Run, t: Timeline, s: Summary) -> list[Plot]:
    clock = run.manifest.schedule.clock
    rolling = f"Lines: percentiles of {words.count(t.latency.calls)} calls at a time, failures as infinite."
    return [
        Plot(
            "latency",
            "Call latency over the evening",
            f"One dot an ok call, one tick in the top row a failed one, at the instant it was due."
            f"{_drawn(t.dots)} {rolling}",
            plots.latency(t, clock),
            full=True,
            said=said.latency(s),
        ),
        Plot(
            "curve",
            "Percentile curve",
            "Call latency; every nine is as wide as the last.",
            plots.percentile_curve(t),
            said=said.curve(s),
        ),
        Plot(
            "attempts",
            "Attempts a call",
            "Above one the API does more than customers asked for; below one calls are shed.",
            plots.attempts_per_call(t, clock),
            said=said.attempts(s),
        ),
    ]


def _backlog(run: Run, t: Timeline, s: Summary) -> Plot:
    return Plot(
        "backlog",
        "The queue",
        "Tasks that workers have taken up, above them those that wait, until all are drained.",
        plots.backlog(t, run.manifest.schedule.clock, s["queue"]["max_depth"]),
        full=True,
        said=queue_block.said(s),
    )


def _in_flight(run: Run, t: Timeline, *, alone: bool) -> Plot:
    return Plot(
        "inflight",
        "In flight",
        "The limit is of the whole run; calls beyond the requests are waiting or backing off.",
        plots.in_flight(t, run.manifest.schedule.clock, concurrency_limit(run)),
        full=alone,
        said=said.inflight(t),
    )


def _lag(run: Run, t: Timeline, s: Summary) -> Plot:
    return Plot(
        "lag",
        "The generator's own lag",
        "Under the dashed line the generator kept its schedule; above it, it measured itself."
        + ("" if np.isnan(t.cpu_max).all() else " Below: the CPU of its busiest worker."),
        plots.lag(t, run.manifest.schedule.clock),
        said=said.lag(s),
    )


def _breaker(run: Run, t: Timeline, s: Summary) -> Plot:
    return Plot(
        "breaker",
        "Breakers",
        "One strip a worker.",
        plots.breakers(t, run.manifest.schedule.clock),
        full=True,
        height_in=min(0.85 + STRIP_IN * len(t.breakers), MOST_STRIP_IN),
        said=said.breaker(s),
    )


def has_breaker(run: Run) -> bool:
    """Whether the policy has a breaker that can open."""
    breaker = run.manifest.policy.values.get("breaker")
    return not (isinstance(breaker, dict) and breaker.get("kind") == "off")


def _drawn(dots: Dots) -> str:
    """Of how many calls a dot stands there, where that is not every one."""
    shown = ((len(dots.ok_due_s), dots.ok, "ok"), (len(dots.failed_due_s), dots.failed, "failed"))
    parts = [f"{words.count(n)} of {words.count(of)} {name} calls" for n, of, name in shown if n < of]
    if not parts:
        return ""
    return f" Drawn are {' and '.join(parts)}, evenly over the run; every figure is of all."


def concurrency_limit(run: Run) -> float | None:
    """The most requests the policy lets onto the wire in the whole run; None where it sets no bound."""
    concurrency = run.manifest.policy.values.get("concurrency")
    if not isinstance(concurrency, dict) or concurrency.get("kind") == "off":
        return None
    bound = concurrency.get("max" if concurrency.get("kind") == "aimd" else "limit")
    return float(bound) if isinstance(bound, int | float) else None

"""Whether the run can be believed: cut off, still under way, or measured by a generator that was late."""

from __future__ import annotations

from typing import Any

from reports.figures import checks
from reports.findings import say
from reports.findings.facts import Facts
from reports.findings.finding import Drawn, note, problem
from reports.telling import words

#: Told before everything that costs calls: a share of calls is at most 1.
FIRST = 2.0

#: A worker this many times as late as the one in the middle is a matter of that worker.
HOT_FACTOR = 5.0

#: So is one that is busy (see checks.FULL_CPU) while the others are at most half as busy.
COOL_SHARE = 0.5

FEWEST_WORKERS = 2

#: Of fewer calls no share is told: one call is a per cent or more.
FEWEST_CALLS = 100


def generator_saturated(facts: Facts) -> list[Drawn]:
    """The generator could not keep its own schedule (the rule of `degraded`)."""
    reasons = facts.late_generator
    if not reasons:
        return []
    text = (
        "The generator was the bottleneck: it sent its calls late, and what it measured is partly itself."
        " The other findings of this run are not to be trusted."
    )
    evidence = [*reasons]
    lag = facts.summary["loop_lag_ms"]
    if lag["n"]:
        evidence.append(f"its event loop woke up to {words.latency(lag['max'])} late")
    return [problem("generator_saturated", text, evidence, FIRST)]


def run_incomplete(facts: Facts) -> list[Drawn]:
    """A reason in `degraded` other than a late generator."""
    reasons = [r for r in facts.summary["degraded"] if r not in facts.late_generator]
    if facts.run.ending is not None and facts.summary["in_flight_at_end"]:
        reasons = [r for r in reasons if r != checks.unrecorded(facts.summary["in_flight_at_end"])]
    if not reasons:
        return []
    text = f"The run is not whole: {reasons[0]}"
    more = len(reasons) - 1
    if more:
        text += f", and {say.count(more, 'more reason')}"
    return [problem("run_incomplete", f"{text}.", reasons, FIRST)]


def unfinished_drain(facts: Facts) -> list[Drawn]:
    """Calls that were scheduled and never recorded, in a run that came to its end."""
    lost = facts.summary["in_flight_at_end"]
    if facts.run.ending is None or not lost:
        return []
    scheduled = sum(facts.run.ending.scheduled.values())
    text = (
        f"{say.count(lost, 'call')} of {words.count(scheduled)} had not ended when the run did:"
        " they are in no figure, and they were probably the slowest."
    )
    drain_s = facts.summary["drain_s"]
    return [problem("unfinished_drain", text, [f"the drain took {words.duration(drain_s)}"], FIRST)]


def hot_worker(facts: Facts) -> list[Drawn]:
    """One worker process much later or much busier than the others."""
    workers = facts.summary["generator"]["workers"]
    if len(workers) < FEWEST_WORKERS:
        return []
    hot = _latest(workers) or _busiest(workers)
    if hot is None:
        return []
    worker, why = hot
    text = (
        f"Worker {worker} had more to do than the others, and its calls may look slower than theirs: {why}."
    )
    return [note("hot_worker", text, [_told(w) for w in workers], FIRST)]


def few_calls(facts: Facts) -> list[Drawn]:
    """Fewer calls than shares can be told of."""
    if facts.calls >= FEWEST_CALLS:
        return []
    text = f"{say.count(facts.calls, 'call')}: too few to say what went wrong; findings need {FEWEST_CALLS}."
    return [note("few_calls", text, [], FIRST)]


def _latest(workers: list[dict[str, Any]]) -> tuple[int, str] | None:
    lags = sorted(
        (w["schedule_lag_ms"]["p99"], w["worker"]) for w in workers if w["schedule_lag_ms"]["p99"] is not None
    )
    if len(lags) < FEWEST_WORKERS:
        return None
    (most_ms, worker), (middle_ms, _) = lags[-1], lags[(len(lags) - 1) // 2]
    if most_ms <= checks.LAG_LEAST_MS or most_ms < HOT_FACTOR * middle_ms:
        return None
    return worker, f"schedule lag p99 {words.latency(most_ms)}, {words.latency(middle_ms)} in the middle"


def _busiest(workers: list[dict[str, Any]]) -> tuple[int, str] | None:
    busy = sorted((w["cpu"]["mean"], w["worker"]) for w in workers if w["cpu"] is not None)
    if len(busy) < FEWEST_WORKERS:
        return None
    (most, worker), (next_most, _) = busy[-1], busy[-2]
    if most < checks.FULL_CPU or next_most > COOL_SHARE * most:
        return None
    return worker, f"{say.share(most)} of a core, the next {say.share(next_most)}"


def _told(worker: dict[str, Any]) -> str:
    cpu = worker["cpu"]
    busy = "" if cpu is None else f", {say.share(cpu['mean'])} of a core"
    return (
        f"worker {worker['worker']}: schedule lag p99 {words.latency(worker['schedule_lag_ms']['p99'])}{busy}"
    )

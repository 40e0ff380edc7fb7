"""Findings between runs of the same evening: who served more calls in time, and by what."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.figures import checks
from reports.findings import say
from reports.findings.facts import good_calls
from reports.findings.finding import Finding
from reports.findings.trust import FEWEST_CALLS
from reports.reading.architecture import by_side
from reports.reading.run import Bools, Run
from reports.statistics.paired import FEWEST_PAIRS, change
from reports.telling import words

#: Sides that make a comparison.
TWO = 2

#: Two sides are alike within so much: a point of calls served in time.
ALIKE = 0.01

#: A reason is told from a point of calls on, another count of requests from 5 %.
LEAST_REASON, LEAST_REQUESTS = 0.01, 0.05

#: How they are found, as pages and documentation print it.
RULES = (
    (
        "served_more",
        (
            f"the side with the most calls served in time against each other one, from {100 * ALIKE:g} point"
            " of calls on. Sides are policies, by name and settings, each with its runs taken together."
            f" Told are what cost {100 * LEAST_REASON:g} point of calls more, {100 * LEAST_REQUESTS:g} %"
            f" more or fewer requests, and, from {FEWEST_PAIRS} pairs of runs of one seed on, whether it may"
            " be chance"
        ),
    ),
    ("alike", f"the same, within {100 * ALIKE:g} point of calls; nothing is said under {FEWEST_CALLS} calls"),
)


#: A run with its label and its summary.
Played = tuple[str, Run, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Side:
    """Runs taken together: how many calls, and what became of them; `by_seed` is the share served in time."""

    label: str
    calls: int
    good: int
    late: int
    shut_out: int
    turned_away: int
    failed: int
    requests: int
    tokens: int
    by_seed: Mapping[int, float]

    @property
    def served(self) -> float:
        """Calls served in time / calls."""
        return self.good / self.calls if self.calls else 0.0

    def share(self, count: int) -> float:
        """Of its calls."""
        return count / self.calls if self.calls else 0.0


def compared(runs: Sequence[Played], warned: Sequence[str]) -> list[Finding]:
    """The findings between runs; `warned` is what makes it no fair comparison."""
    sides = sides_of(runs)
    if len(sides) < TWO or any(side.calls < FEWEST_CALLS for side in sides):
        return []
    best, *others = sorted(sides, key=lambda side: -side.served)
    good = _good_by_call(runs, sides) if not warned and len(sides) == len(runs) else {}
    return [_between(best, other, good, _doubts(runs, warned)) for other in others]


def sides_of(runs: Sequence[Played]) -> list[Side]:
    """The policies and queues, as `by_side` has them, each with its runs taken together."""
    return [_side(label, [runs[i] for i in of]) for label, of in by_side([run for _, run, _ in runs])]


def _side(label: str, runs: Sequence[Played]) -> Side:
    summaries = [summary for _, _, summary in runs]
    calls, good = sum(s["calls"] for s in summaries), sum(s["good_calls"] for s in summaries)
    ok = sum(s["outcomes"]["ok"] for s in summaries)
    shut_out, turned_away = (
        sum(s["stopped_by"].get(by, 0) for s in summaries) for by in ("breaker", "admission")
    )
    # Backwards: of runs of one seed the first stands for it.
    by_seed = {run.manifest.seed: s["good_calls"] / s["calls"] for _, run, s in reversed(runs) if s["calls"]}
    return Side(
        words.clean(label),
        calls,
        good,
        late=ok - good,
        shut_out=shut_out,
        turned_away=turned_away,
        failed=calls - ok - shut_out - turned_away,
        requests=sum(s["attempts"] for s in summaries),
        tokens=sum(s["tokens"]["prompt"] + s["tokens"]["completion"] for s in summaries),
        by_seed=by_seed,
    )


def _chance(best: Side, other: Side) -> tuple[str, str]:
    """Whether the difference is more than chance, over pairs of runs: for the sentence, and as evidence."""
    seeds = sorted(best.by_seed.keys() & other.by_seed.keys())
    found = change([other.by_seed[s] for s in seeds], [best.by_seed[s] for s in seeds])
    if math.isnan(found.low):
        return (
            "",
            f"{say.count(found.pairs, 'pair')} of runs of one seed: of {FEWEST_PAIRS} on chance can be told",
        )
    ratio, low, high = (math.exp(log) for log in (found.log_ratio, found.low, found.high))
    times = f"{ratio:.2f} times the calls in time"
    if math.isinf(ratio):
        times = f"{other.label} served none in time on half of the seeds or more"
    interval = f"{times}{_within(low, high)}, over {found.pairs} pairs of runs of one seed"
    return (", more than chance has it" if low > 1 else ", which may be chance"), interval


def _within(low: float, high: float) -> str:
    """The interval of a ratio; it is infinite to a side that served nothing."""
    if math.isinf(low):
        return ""
    return f", 95 % interval {low:.2f} {'or more' if math.isinf(high) else f'to {high:.2f}'}"


def _doubts(runs: Sequence[Played], warned: Sequence[str]) -> list[str]:
    """Why a difference may not be the policies' doing."""
    found = [f"in doubt: {reason}" for reason in warned]
    for label, _, summary in runs:
        if any(reason.startswith(checks.BOTTLENECK) for reason in summary["degraded"]):
            found.append(f"in doubt: the generator of {words.clean(label)} was the bottleneck")
    return found


def _between(best: Side, other: Side, good: Mapping[str, Bools], doubts: Sequence[str]) -> Finding:
    ahead = best.served - other.served
    both = f"{say.share(best.served)} against {say.share(other.served)}"
    evidence = [
        f"{side.label}: {say.count(side.requests, 'request')} for {say.count(side.calls, 'call')},"
        f" {_tokens(side)}"
        for side in (best, other)
    ]
    if best.label in good and other.label in good:
        ours, theirs = good[best.label], good[other.label]
        won, lost = int(np.count_nonzero(ours & ~theirs)), int(np.count_nonzero(theirs & ~ours))
        evidence.insert(
            0,
            f"call by call: {words.count(won)} that {other.label} lost were served by {best.label},"
            f" {words.count(lost)} the other way",
        )
    sure, interval = _chance(best, other)
    evidence += [interval, *doubts]
    if ahead < ALIKE:
        text = f"{best.label} and {other.label} served alike: {both} of calls in time."
        return Finding("alike", text, tuple(evidence), "note")
    reasons = _reasons(best, other)
    why = f": {'; '.join(reasons)}" if reasons else ""
    points = say.count(round(100 * ahead), "point")
    lead = f"{best.label} served {points} more calls in time than {other.label} ({both}{sure})"
    return Finding("served_more", f"{lead}{why}.", tuple(evidence), "good")


def _reasons(best: Side, other: Side) -> list[str]:
    """What cost the other calls, the most costly first; then what cost the best more, and the requests."""
    name = other.label
    costs: list[tuple[int, int, _Told, _Told]] = [
        (
            other.shut_out,
            best.shut_out,
            lambda n: f"{name}'s breaker shut out {n} of its calls",
            lambda n: f"its own breaker shut out {n}",
        ),
        (
            other.failed,
            best.failed,
            lambda n: f"{n} of {name}'s calls failed",
            lambda n: f"{n} of its own failed",
        ),
        (
            other.late,
            best.late,
            lambda n: f"{n} of {name}'s came too late",
            lambda n: f"{n} of its own came too late",
        ),
        (
            other.turned_away,
            best.turned_away,
            lambda n: f"{name} turned {n} away at the door",
            lambda n: f"it turned {n} away at the door",
        ),
    ]
    shares = [(other.share(a), best.share(b), told, though) for a, b, told, though in costs]
    ranked = sorted(shares, key=lambda c: c[1] - c[0])
    found = [_against(told(say.share(a)), b) for a, b, told, _ in ranked if a - b >= LEAST_REASON]
    own = [though(say.share(b)) for a, b, _, though in ranked if b - a >= LEAST_REASON]
    if own:
        found.append(f"though {say.listed(own)}")
    return found + _fewer(best, other)


_Told = Callable[[str], str]


def _against(told: str, ours: float) -> str:
    return f"{told}, against {say.share(ours)}" if ours else told


def _fewer(best: Side, other: Side) -> list[str]:
    """More or fewer requests a call, where it is worth telling."""
    if not other.requests:
        return []
    more = (best.requests / best.calls) / (other.requests / other.calls) - 1
    if abs(more) < LEAST_REQUESTS:
        return []
    return [f"it sent {say.share(abs(more))} {'more' if more > 0 else 'fewer'} requests"]


def _tokens(side: Side) -> str:
    return (
        f"{words.count(round(side.tokens / side.good))} tokens a call in time"
        if side.good
        else "none in time"
    )


def _good_by_call(runs: Sequence[Played], sides: Sequence[Side]) -> dict[str, Bools]:
    """Which calls each side's one run served in time, where all have the same calls."""
    ids = runs[0][1].calls.call_id
    if any(not np.array_equal(ids, run.calls.call_id) for _, run, _ in runs):
        return {}
    return {side.label: good_calls(run, s) for side, (_, run, s) in zip(sides, runs, strict=True)}

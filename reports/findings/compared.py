"""Findings between runs of the same evening: who served more calls in time, and by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.figures import checks
from reports.findings import say
from reports.findings.facts import good_calls
from reports.findings.finding import Finding
from reports.findings.trust import FEWEST_CALLS
from reports.reading.run import Bools, Run
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
            f"the side with the most calls served in time, against each other one, from {100 * ALIKE:g}"
            " point of"
            " calls on. Sides are policies, each with its runs taken together; of one policy alone, its"
            " runs. Told"
            f" are what cost {100 * LEAST_REASON:g} point of calls more, and {100 * LEAST_REQUESTS:g} %"
            " more or fewer"
            " requests"
        ),
    ),
    ("alike", f"the same, within {100 * ALIKE:g} point of calls; nothing is said under {FEWEST_CALLS} calls"),
)


@dataclass(frozen=True, slots=True)
class Side:
    """Runs taken together: how many calls, and what became of them."""

    label: str
    calls: int
    good: int
    late: int
    shut_out: int
    turned_away: int
    failed: int
    requests: int
    tokens: int

    @property
    def served(self) -> float:
        """Calls served in time / calls."""
        return self.good / self.calls if self.calls else 0.0

    def share(self, count: int) -> float:
        """Of its calls."""
        return count / self.calls if self.calls else 0.0


def compared(runs: Sequence[tuple[str, Run, Mapping[str, Any]]], warned: Sequence[str]) -> list[Finding]:
    """The findings between runs, given as (label, run, summary); `warned` is what makes it no fair"
    " comparison.
    """
    sides = sides_of(runs)
    if len(sides) < TWO or any(side.calls < FEWEST_CALLS for side in sides):
        return []
    best, *others = sorted(sides, key=lambda side: -side.served)
    good = _good_by_call(runs) if not warned and len(sides) == len(runs) else {}
    return [_between(best, other, good, _doubts(runs, warned)) for other in others]


def sides_of(runs: Sequence[tuple[str, Run, Mapping[str, Any]]]) -> list[Side]:
    """The policies, each with its runs taken together; of one policy alone, the runs."""
    policies = list(dict.fromkeys(run.manifest.policy.name for _, run, _ in runs))
    if len(policies) < TWO:
        return [_side(label, [summary]) for label, _, summary in runs]
    grouped = {name: [s for _, run, s in runs if run.manifest.policy.name == name] for name in policies}
    return [_side(name, summaries) for name, summaries in grouped.items()]


def _side(label: str, summaries: Sequence[Mapping[str, Any]]) -> Side:
    calls, good = sum(s["calls"] for s in summaries), sum(s["good_calls"] for s in summaries)
    ok = sum(s["outcomes"]["ok"] for s in summaries)
    shut_out, turned_away = (
        sum(s["stopped_by"].get(by, 0) for s in summaries) for by in ("breaker", "admission")
    )
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
    )


def _doubts(runs: Sequence[tuple[str, Run, Mapping[str, Any]]], warned: Sequence[str]) -> list[str]:
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
    evidence += doubts
    if ahead < ALIKE:
        text = f"{best.label} and {other.label} served alike: {both} of calls in time."
        return Finding("alike", text, tuple(evidence), "note")
    reasons = _reasons(best, other)
    why = f": {'; '.join(reasons)}" if reasons else ""
    text = (
        f"{best.label} served {100 * ahead:.0f} points more calls in time than {other.label} ({both}){why}."
    )
    return Finding("served_more", text, tuple(evidence), "good")


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


def _good_by_call(runs: Sequence[tuple[str, Run, Mapping[str, Any]]]) -> dict[str, Bools]:
    """Which calls each run served in time, where all have the same calls."""
    ids = runs[0][1].calls.call_id
    if any(not np.array_equal(ids, run.calls.call_id) for _, run, _ in runs):
        return {}
    by_policy = len({run.manifest.policy.name for _, run, _ in runs}) == len(runs)
    return {
        words.clean(run.manifest.policy.name if by_policy else label): good_calls(run, summary)
        for label, run, summary in runs
    }

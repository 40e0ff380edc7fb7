"""What the run came to for its customers: how many calls were lost, when, and whose."""

from __future__ import annotations

import math

import numpy as np

from reports.figures.metrics import share as share_of
from reports.findings import say
from reports.findings.facts import Facts, worst
from reports.findings.finding import Drawn, Finding, note, problem
from reports.findings.spending import ON_WIRE, spent
from reports.telling import words

#: The first of the problems of a run that can be trusted.
HEADLINE = 1.5

#: Nothing is wrong with a run that serves 99 % of its calls in time.
MOST_LOST = 0.01

#: Its worst stretch is where at least one call in ten was lost, and many more than over the whole run.
LOST_IN_STRETCH = 0.1

#: A kind or model is worse off where it loses so much more than the rest, and by so many standard errors.
WORSE_BY, WORSE_ERRORS, FEWEST_OF_A_KIND = 0.1, 4.0, 50

#: Tokens paid for and thrown away before it is told.
LEAST_WASTED = 0.01

#: Leave to send that next to nobody waited for: fewer than one call in a hundred.
MOST_WAITED = 0.01

#: Parts so small of late calls' time are not told.
LEAST_TOLD = 0.01

#: How a call that went no further for this reason is spoken of.
_STOPS = {
    "breaker": "shut out by the breaker",
    "admission": "turned away at the door",
    "deadline": "out of time",
    "budget": "out of retry budget",
    "attempts": "out of attempts",
    "fatal": "beyond retry",
    "user": "cancelled",
}


def calls_lost(facts: Facts) -> list[Drawn]:
    """More calls than one in a hundred that were not served in time."""
    lost = facts.calls - int(np.count_nonzero(facts.good))
    if lost <= MOST_LOST * facts.calls:
        return []
    outcomes = facts.summary["outcomes"]
    rejected, ok = outcomes["rejected"], outcomes["ok"]
    late, failed = ok - (facts.calls - lost), facts.calls - ok - rejected
    parts = [
        (failed, "failed"),
        (rejected, "were rejected before any attempt"),
        (late, "came too late"),
    ]
    told = say.listed([f"{say.share(n / facts.calls)} {what}" for n, what in parts if n])
    text = f"{say.part(lost, facts.calls)} calls were not served in time: {told}."
    bad = worst(facts.lost_count, facts.due_count, LOST_IN_STRETCH)
    if bad is not None:
        share = float(facts.lost_count[bad].sum() / facts.due_count[bad].sum())
        text += f" Worst {facts.bins.told(bad)}: {say.share(share)}."
    return [problem("calls_lost", text, _of_lost(facts, late), HEADLINE)]


def _of_lost(facts: Facts, late: int) -> list[str]:
    lines = [f"served in time: {words.goodput(facts.summary)}"]
    lines += [
        f"{say.count(n, 'call')} ended `{name}`"
        for name, n in facts.summary["outcomes"].items()
        if n and name != "ok"
    ]
    stopped = facts.summary["stopped_by"].items()
    lines += [f"{say.count(n, 'call')} {_STOPS[by]}" for by, n in stopped if n and by in _STOPS]
    if late:
        lines.append(f"{say.count(late, 'call')} ok, but too late{_time_of(facts)}")
    return lines


def _time_of(facts: Facts) -> str:
    """What the time of late calls went by with."""
    calls = facts.run.calls
    late = facts.run.ok & ~facts.good
    found = spent(facts, late, calls.intended_ns)
    if found is None:
        return ""
    if found.wire > 1 - LEAST_TOLD:
        return f", nearly all of their time {ON_WIRE}"
    told = [f"{say.share(share)} {name}" for name, share in found.parts if share >= LEAST_TOLD]
    return f"; of their time: {say.listed(told)}" if told else ""


def kind_worse(facts: Facts) -> list[Drawn]:
    """A kind of copy, or a model, whose calls fared much worse than the others'."""
    groups = (("kind", "kinds"), ("model", "models"))
    found = [
        (what, name, row["calls"], row["good"])
        for what, key in groups
        for name, row in facts.summary[key].items()
    ]
    return [drawn for group in found if (drawn := _worse(facts, *group)) is not None]


def _worse(facts: Facts, what: str, name: str, calls: int, good: int) -> Drawn | None:
    others = facts.calls - calls
    if calls < FEWEST_OF_A_KIND or others < FEWEST_OF_A_KIND:
        return None
    theirs = (int(np.count_nonzero(facts.good)) - good) / others
    mine = good / calls
    error = math.sqrt(max(theirs * (1 - theirs), mine * (1 - mine)) * (1 / calls + 1 / others))
    if theirs - mine < WORSE_BY or theirs - mine < WORSE_ERRORS * error:
        return None
    text = (
        f"The {what} {name or '(none)'} fared worse than the others: {say.share(mine)} of its calls were"
        f" served in time, {say.share(theirs)} of the rest."
    )
    evidence = [
        f"{say.part(good, calls)} calls in time; the difference is {WORSE_ERRORS:g} standard errors or more"
    ]
    return problem(f"{what}_worse", text, evidence, (theirs - mine) * calls / facts.calls)


def tokens_wasted(facts: Facts) -> list[Drawn]:
    """Tokens paid for in calls that came to nothing."""
    spent = facts.summary["tokens"]
    total = spent["prompt"] + spent["completion"]
    wasted = share_of(spent["wasted"], total)
    if wasted is None or wasted < LEAST_WASTED:
        return []
    text = f"{say.share(wasted)} of the tokens were wasted: on replies to calls that failed all the same."
    return [problem("tokens_wasted", text, [f"{say.part(spent['wasted'], total)} tokens"], wasted)]


def never_the_limit(facts: Facts) -> list[Drawn]:
    """Which of the client's own bounds were there and never bit."""
    bounds = idle_bounds(facts)
    if not bounds:
        return []
    named = say.capital(say.listed([bound for bound, _ in bounds]))
    were = "were" if len(bounds) > 1 or bounds[0][0] == "permits" else "was"
    return [note("never_the_limit", f"{named} {were} never the limit.", [how for _, how in bounds])]


def idle_bounds(facts: Facts) -> list[tuple[str, str]]:
    """The client's bounds that stood and were not met, and how near they came."""
    found = []
    moments = facts.moments
    waited = np.count_nonzero(facts.run.calls.permit_wait_ns > 0)
    if moments.limit is not None and waited < MOST_WAITED * facts.calls:
        at = int(np.argmax(moments.in_flight / np.maximum(moments.limit, 1)))
        most, limit = int(moments.in_flight[at]), float(moments.limit[at])
        found.append(("permits", f"at most {most} of {limit:g} permits were in use at once"))
    kind = facts.setting("breaker", "kind")
    if kind not in (None, "off") and not (facts.run.events.named("breaker").text == "open").any():
        found.append(("the breaker", "the breaker never opened"))
    if facts.setting("admission", "max_waiting") is not None and not facts.turned_away.any():
        found.append(("admission", "nobody was turned away at the door"))
    return found


def nothing_wrong(facts: Facts) -> Drawn:
    """What is said where no rule found a problem."""
    good = int(np.count_nonzero(facts.good))
    latency = facts.summary["call_latency_ms"]
    tail = "p95" if latency["p95"] is not None else "p50"
    text = (
        f"Nothing went wrong: {say.share(good / facts.calls)} of {words.count(facts.calls)} calls were"
        f" served in time; call latency {tail} {words.latency(latency[tail])}."
    )
    bounds = idle_bounds(facts)
    if bounds:
        text += f" {say.capital(say.listed([b for b, _ in bounds]))} never had to hold anything back."
    evidence = [f"served in time: {words.goodput(facts.summary)}"]
    refused = facts.requests - int(np.count_nonzero(facts.answered))
    evidence.append(f"{say.part(refused, facts.requests)} requests were not answered ok")
    return Drawn(Finding("nothing_wrong", text, tuple(evidence + [how for _, how in bounds]), "good"), 0.0)

"""Whether the client's own limits were what calls waited for, and whether the API had room for more."""

from __future__ import annotations

import numpy as np

from reports.findings import say
from reports.findings.facts import Facts, marked
from reports.findings.finding import Drawn, note, problem
from reports.findings.hold import (
    HELD_IN_STRETCH,
    LEAST_HELD,
    MOST_REFUSED,
    MOST_SLOWED,
    Hold,
    hold_of,
    own_rates,
    paused,
)
from reports.reading.run import Bools
from reports.telling import words

SECONDS_PER_MIN = 60


def limits_low(facts: Facts) -> list[Drawn]:
    """Permits were used up while the API had room: more of them would have served more."""
    hold = facts.once(hold_of)
    if hold is None or not hold.by_permits or not hold.room:
        return []
    text = (
        f"{_when(facts, hold)}permits were the limit while the API had room: all {_permits(hold)} were in"
        f" use; {_held(facts, hold)}."
    )
    return [problem("limits_low", text, _evidence(facts, hold), hold.held / facts.calls)]


def permits_ramp(facts: Facts) -> list[Drawn]:
    """Permits were used up because a breaker that had opened gave them back one by one."""
    hold = facts.once(hold_of)
    if hold is None or not hold.ramping:
        return []
    text = (
        f"{_when(facts, hold)}permits came back one by one after the breaker had closed"
        f" ({_permits(hold)}): {_held(facts, hold)}."
    )
    return [note("permits_ramp", text, _evidence(facts, hold), hold.held / facts.calls)]


def permits_bound(facts: Facts) -> list[Drawn]:
    """Permits were used up, and the API was short of room, too: they did what they are for."""
    hold = facts.once(hold_of)
    if hold is None or not hold.by_permits or hold.room:
        return []
    signs = []
    if hold.refused >= MOST_REFUSED:
        signs.append(f"{say.share(hold.refused)} of its requests met 429, 503 or no answer")
    if hold.slowed is not None and hold.slowed > MOST_SLOWED:
        signs.append(f"a reply took {hold.slowed:.1f} times as long as in quiet")
    text = (
        f"{_when(facts, hold)}all {_permits(hold)} permits were in use: {_held(facts, hold)}. The API was"
        f" short of room, too: {say.listed(signs)}."
    )
    return [note("permits_bound", text, _evidence(facts, hold), hold.held / facts.calls)]


def own_rate(facts: Facts) -> list[Drawn]:
    """Calls waited while permits were free, for a rate limit of the client's own."""
    hold, rates = facts.once(hold_of), own_rates(facts)
    if hold is None or not hold.by_rate or not rates:
        return []
    text = (
        f"{_when(facts, hold)}permits were free, but the client's own rate limit ({say.listed(rates)}) was"
        f" the limit: {_held(facts, hold)}."
    )
    make = problem if hold.room else note
    return [make("own_rate", text, _evidence(facts, hold) + _served(facts, hold), hold.held / facts.calls)]


def rate_waits(facts: Facts) -> list[Drawn]:
    """Calls waited while permits were free, for what the API had said of its rate limit."""
    hold = facts.once(hold_of)
    if hold is None or not hold.by_rate or own_rates(facts):
        return []
    told = "its 429s told when to come back" if paused(facts) else "its headers told what was left"
    text = (
        f"{_when(facts, hold)}permits were free, but calls were held back to keep within the API's rate limit"
        f" ({told}): {_held(facts, hold)}."
    )
    evidence = _evidence(facts, hold) + _served(facts, hold)
    return [problem("rate_waits", text, evidence, hold.held / facts.calls)]


def held_up(facts: Facts) -> list[Drawn]:
    """Calls waited, and it cannot be told for what."""
    hold = facts.once(hold_of)
    if hold is None or hold.by_permits or hold.by_rate or hold.ramping:
        return []
    text = f"{_when(facts, hold)}{_held(facts, hold)}, for permits or for a rate limit."
    return [note("held_up", say.capital(text), _evidence(facts, hold), hold.held / facts.calls)]


def queue_full(facts: Facts) -> list[Drawn]:
    """A queue that took no more: its refusals are no matter of permits or of a rate."""
    used, refused = facts.run.manifest.queue, facts.refused_by_queue
    count = int(np.count_nonzero(refused))
    if used is None or not count or count < LEAST_HELD * facts.calls:
        return []
    bad = marked(facts.bins.count(facts.due[refused]), facts.due_count, HELD_IN_STRETCH)
    depth = used.settings.get("max_depth")
    limit = f" ({depth:,} tasks)" if isinstance(depth, int) else ""
    text = (
        f"{_at(facts, bad) if bad.any() else ''}the queue was full{limit}: {say.share(count / facts.calls)}"
        " of calls were turned away."
    )
    evidence = [f"{say.part(count, facts.calls)} calls refused by the queue"]
    evidence += [
        f"{say.count(f['calls'], 'call')}: {f['detail']}"
        for f in facts.summary["failure_details"]
        if f["outcome"] == "rejected"
    ]
    evidence.append(f"{say.count(used.workers, 'worker')} served it")
    return [problem("queue_full", say.capital(text), evidence, count / facts.calls)]


def _when(facts: Facts, hold: Hold) -> str:
    return _at(facts, hold.stretch)


def _at(facts: Facts, stretch: Bools) -> str:
    when = facts.bins.told(stretch)
    return "Throughout, " if when == "throughout" else f"{when}: "


def _permits(hold: Hold) -> str:
    least, most = round(hold.least), round(hold.most)
    return str(least) if least == most else f"{least} to {most}"


def _held(facts: Facts, hold: Hold) -> str:
    waiting = hold.held - hold.turned_away
    parts = []
    if waiting:
        waited = say.seconds(hold.waited_s)
        parts.append(f"{say.share(waiting / facts.calls)} of calls waited to be sent, {waited} on average")
    if hold.turned_away:
        parts.append(f"{say.share(hold.turned_away / facts.calls)} of calls were turned away")
    return ", and ".join(parts)


def _served(facts: Facts, hold: Hold) -> list[str]:
    """What was answered a minute in the stretch: about what the limit allows."""
    answered = facts.sent[facts.answered]
    length_min = float(np.diff(facts.bins.edges_s)[hold.stretch].sum()) / SECONDS_PER_MIN
    requests = facts.bins.count(answered)[hold.stretch].sum() / length_min
    return [f"then {words.count(round(requests))} requests a minute were sent that came out ok"]


def _evidence(facts: Facts, hold: Hold) -> list[str]:
    lines = [f"{say.part(hold.held, facts.calls)} calls waited or were turned away"]
    if facts.moments.limit is not None:
        lines.append(f"{say.share(hold.in_use)} of the permits were in use while calls waited")
    lines.append(f"{say.share(hold.refused)} of the requests sent then met 429, 503 or no answer")
    if hold.slowed is not None:
        lines.append(f"a reply took {hold.slowed:.1f} times as long as with few requests on the wire")
    return lines

"""Whether the client's own bounds on time were too short for the replies it got."""

from __future__ import annotations

import numpy as np

from reports.findings import say
from reports.findings.facts import Facts
from reports.findings.finding import Drawn, problem
from reports.findings.server import server_knee
from reports.findings.spending import Spent, spent
from reports.reading.run import NS_PER_S, Bools

#: Told where calls, or requests, were cut by a bound: one in a hundred.
LEAST_CUT = 0.01

#: A bound is too short where so many of the replies that did come in time...
LEAST_NEAR = 0.1

#: ...took more than so much of it: those that were cut were on their way, too.
NEAR = 0.6

#: What took more than this share of the lost calls' time is what used it up.
MOST_OF_TIME = 0.5


def timeout_short(facts: Facts) -> list[Drawn]:
    """An attempt timeout that cuts replies which were on their way."""
    bound_s = facts.seconds_setting("attempt_timeout_s")
    if bound_s is None:
        return []
    attempts = facts.run.attempts
    cut = attempts.fault == "attempt_timeout"
    count = int(np.count_nonzero(cut))
    near = _near(facts, bound_s)
    if not count or count < LEAST_CUT * facts.requests or near < LEAST_NEAR or _slowed(facts):
        return []
    text = (
        f"The attempt timeout of {bound_s:g} s was too short: it cut {say.share(count / facts.requests)} of"
        f" the requests, and {say.share(near)} of the replies that came in time took more than"
        f" {NEAR * bound_s:g} s."
    )
    evidence = [
        f"{say.part(count, facts.requests)} requests cut",
        "a reply cut so is paid for, and sent for again",
    ]
    return [problem("timeout_short", text, evidence, count / facts.requests)]


def deadline_short(facts: Facts) -> list[Drawn]:
    """A deadline that is shorter than what requests by themselves take."""
    found, bound_s = facts.once(_cut), facts.seconds_setting("deadline_s")
    if found is None or bound_s is None:
        return []
    cut, went = found
    near = _near(facts, bound_s)
    if near < LEAST_NEAR or went.wire < MOST_OF_TIME or _slowed(facts):
        return []
    text = (
        f"The deadline of {bound_s:g} s was too short: {say.share(cut / facts.calls)} of calls were cut by"
        f" it, and {say.share(near)} of the requests that were answered took more than {NEAR * bound_s:g} s."
    )
    return [problem("deadline_short", text, _shares(cut, facts, went), cut / facts.calls)]


def out_of_time(facts: Facts) -> list[Drawn]:
    """Calls that ran out of their deadline, but not for want of a longer one."""
    found = facts.once(_cut)
    if found is None or facts.once(deadline_short):
        return []
    cut, went = found
    where, share = max(went.parts, key=lambda part: part[1])
    text = (
        f"{say.share(cut / facts.calls)} of calls ran out of time before they were served;"
        f" {say.share(share)} of their time went by {where}."
    )
    return [problem("out_of_time", text, _shares(cut, facts, went), cut / facts.calls)]


def _slowed(facts: Facts) -> bool:
    """Whether replies were slow because the API was crowded: a longer bound would crowd it more."""
    overloaded = int(np.count_nonzero(facts.overloaded))
    return bool(facts.once(server_knee)) or overloaded >= LEAST_CUT * facts.requests


def _near(facts: Facts, bound_s: float) -> float:
    """The share of the ok replies that took more than NEAR of a bound."""
    attempts, ok = facts.run.attempts, facts.answered
    took_ns = (attempts.end_ns - attempts.sent_ns)[ok]
    return float(np.mean(took_ns > NEAR * bound_s * NS_PER_S)) if len(took_ns) else 0.0


def _cut(facts: Facts) -> tuple[int, Spent] | None:
    """Calls stopped by their deadline, and what their time went by with; None of too few."""
    cut: Bools = facts.stopped("deadline")
    count = int(np.count_nonzero(cut))
    if not count or count < LEAST_CUT * facts.calls:
        return None
    went = spent(facts, cut, facts.run.calls.start_ns)
    return None if went is None else (count, went)


def _shares(cut: int, facts: Facts, went: Spent) -> list[str]:
    deadline_s = facts.seconds_setting("deadline_s")
    return [
        f"{say.part(cut, facts.calls)} calls, of a deadline of {deadline_s or 0:g} s",
        f"of their time: {', '.join(f'{say.share(share)} {name}' for name, share in went.parts)}",
    ]

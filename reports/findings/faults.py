"""What requests ran into: 429, 503, 5xx, no connection or a broken one, silence, replies that are none.

A client sees how a request ended, not why. So each sentence says what came back, and leaves the cause open
where it cannot be known.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reports.findings import say
from reports.findings.facts import Facts, marked, worst
from reports.findings.finding import Drawn, note, problem
from reports.reading.run import NS_PER_S, Bools, Floats, Run
from reports.telling import words

#: A problem: one request in fifty, or calls that were lost by it, one in two hundred.
LEAST_REQUESTS, LEAST_CALLS_LOST = 0.02, 0.005

#: A note: one request in five hundred. Anything rarer is what every network does.
LEAST_NOTED = 0.002

#: A stretch is where at least this share of requests met it, and many more than in the whole run.
LEAST_IN_STRETCH = 0.05


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of bad end. `did` follows "N % of requests", `rule` says in words which attempts are meant."""

    key: str
    did: str
    rule: str
    of: Callable[[Run], Bools]


def _outcome(name: str, *, but: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> Callable[[Run], Bools]:
    """Attempts of an outcome, of these faults only or of all but those."""

    def of(run: Run) -> Bools:
        found = run.attempts.outcome == name
        if but:
            found &= ~run.attempts.fault.isin(but)
        return found & run.attempts.fault.isin(only) if only else found

    return of


def _no_connection(run: Run) -> Bools:
    refused, silent = _outcome("transient", only=("connect",)), _outcome("timeout", only=("connect_timeout",))
    return refused(run) | silent(run)


TROUBLES = (
    Trouble(
        "rate_limited",
        "were refused as too many (429)",
        "attempts that ended `throttled`",
        _outcome("throttled"),
    ),
    Trouble(
        "server_overloaded",
        "were turned away as 'overloaded' (503, 529): the API had no room, or said so",
        "attempts that ended `overloaded`",
        _outcome("overloaded"),
    ),
    Trouble(
        "server_errors",
        "failed inside the API (500, 502, 504 or the like)",
        "attempts that ended `transient.status`",
        _outcome("transient", only=("status",)),
    ),
    Trouble(
        "no_connection",
        "got no connection: refused, or not answered in time",
        "attempts that ended `transient.connect` or `timeout.connect_timeout`",
        _no_connection,
    ),
    Trouble(
        "connections_broke",
        "lost their connection before the reply was whole",
        "attempts that ended `transient.read` or `transient.protocol`",
        _outcome("transient", only=("read", "protocol")),
    ),
    Trouble(
        "no_answer",
        "were given up without an answer in time",
        "attempts that ended `timeout`, but for a connection",
        _outcome("timeout", but=("connect_timeout",)),
    ),
    Trouble(
        "streams_broke",
        "broke off after a part of the reply had been shown, and cannot be tried again",
        "attempts that ended `partial`",
        _outcome("partial"),
    ),
    Trouble(
        "bad_replies",
        "came back as 200 with a body that is no reply",
        "attempts that ended `malformed`",
        _outcome("malformed"),
    ),
    Trouble(
        "own_pool",
        "found no free connection in the client's own pool",
        "attempts that ended `local`, but for those that waited for the budget",
        _outcome("local", but=("",)),
    ),
    Trouble(
        "budget_held",
        "waited in vain for the run's budget, of which too much was in flight at once",
        "attempts that ended `local` without a fault: nothing was sent",
        _outcome("local", only=("",)),
    ),
)


#: Characters of an error that a sentence quotes; its evidence has all of it.
MOST_QUOTED = 60

#: Kinds that a client which keeps its connections meets less.
_OF_CONNECTIONS = ("no_connection", "connections_broke")


def rule_of(trouble: Trouble) -> Callable[[Facts], list[Drawn]]:
    """The rule that looks for one kind of trouble."""
    return lambda facts: _troubled(facts, trouble)


def _troubled(facts: Facts, trouble: Trouble) -> list[Drawn]:
    met = trouble.of(facts.run)
    count = int(np.count_nonzero(met))
    if count < LEAST_NOTED * facts.requests or not count:
        return []
    overall = count / facts.requests
    lost = facts.calls_lost_by(met)
    where, share = _where(facts, met, overall)
    text = f"{where}{say.share(share)} of requests {trouble.did}"
    if trouble.key in _OF_CONNECTIONS and facts.setting("connections", "reuse") is False:
        text += " (the client opens a new connection for each)"
    text += f", and {say.count(lost, 'call')} ended so." if lost else "; no call was lost by it."
    evidence = [f"{say.part(count, facts.requests)} requests of the run"]
    if lost:
        evidence.append(f"{say.part(lost, facts.calls)} calls ended so")
    evidence += _MORE.get(trouble.key, _nothing)(facts, met)
    grave = overall >= LEAST_REQUESTS or lost >= LEAST_CALLS_LOST * facts.calls
    make = problem if grave else note
    return [make(trouble.key, text, evidence, max(overall, lost / facts.calls))]


def _where(facts: Facts, met: Bools, overall: float) -> tuple[str, float]:
    """When it was at its worst, and the share of requests then; the whole run where it was even."""
    count = facts.bins.count(facts.sent[met])
    bad = worst(count, facts.sent_count, LEAST_IN_STRETCH)
    if bad is None:
        return "", overall
    share = float(count[bad].sum() / facts.sent_count[bad].sum())
    return f"{facts.bins.told(bad)}: ", share


def _nothing(_: Facts, __: Bools) -> list[str]:
    return []


def _of_throttles(facts: Facts, met: Bools) -> list[str]:
    """What the API let through meanwhile, and how long the client then held back."""
    refused = facts.bins.count(facts.sent[met])
    bad = marked(refused, facts.sent_count, LEAST_IN_STRETCH)
    if not bad.any():
        return []
    answered = facts.bins.count(facts.sent[facts.answered])
    length_min = float(np.diff(facts.bins.edges_s)[bad].sum()) / 60
    let, asked = answered[bad].sum() / length_min, facts.sent_count[bad].sum() / length_min
    lines = [f"then {asked:,.0f} requests a minute were sent, and {let:,.0f} were answered"]
    waits_s = _waits_after_s(facts, met)
    if len(waits_s):
        lines.append(
            f"after a 429 the next attempt came {say.seconds(float(waits_s.mean()))} later on average"
        )
    pauses = facts.run.events.named("pause")
    if len(pauses.value):
        lines.append(f"the client held everything back {say.times(len(pauses.value))}, as the API asked")
    return lines


def _waits_after_s(facts: Facts, met: Bools) -> Floats:
    """From the end of such an attempt to the start of the same call's next one."""
    attempts = facts.run.attempts
    followed = met[:-1] & (attempts.call_id[1:] == attempts.call_id[:-1])
    return np.asarray((attempts.sent_ns[1:] - attempts.end_ns[:-1])[followed] / NS_PER_S)


def _of_silence(facts: Facts, met: Bools) -> list[str]:
    """How long they were waited for, beside what an ok reply took."""
    attempts = facts.run.attempts
    waited_s = (attempts.end_ns - attempts.sent_ns)[met] / NS_PER_S
    lines = [f"each was given up after {say.seconds(float(waited_s.mean()))} on average"]
    e2el = facts.summary["e2el_ms"]
    if e2el["p95"] is not None:
        lines.append(f"95 % of the replies of ok calls took less than {words.latency(e2el['p95'])}")
    return lines


_MORE: dict[str, Callable[[Facts, Bools], list[str]]] = {
    "rate_limited": _of_throttles,
    "no_answer": _of_silence,
    "no_connection": _of_silence,
}


def refused_for_good(facts: Facts) -> list[Drawn]:
    """Any attempt that ended `fatal`."""
    met = _outcome("fatal")(facts.run)
    count = int(np.count_nonzero(met))
    if not count:
        return []
    said = [f for f in facts.summary["failure_details"] if f["outcome"] == "fatal"]
    lost = facts.calls_lost_by(met)
    first = f": “{textwrap.shorten(said[0]['detail'], MOST_QUOTED, placeholder='…')}”" if said else ""
    text = f"{say.count(count, 'request')} were refused for good, which no retry can help{first}."
    if count == 1:
        text = text.replace("were", "was", 1)
    evidence = [f"{say.part(lost, facts.calls)} calls ended so"]
    evidence += [f"{say.count(f['calls'], 'call')}: {f['detail']}" for f in said]
    return [problem("refused_for_good", text, evidence, max(lost / facts.calls, count / facts.requests))]

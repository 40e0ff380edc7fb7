"""The rules, in words and as functions, and what they find in a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reports.findings import bounds, breakers, faults, losses, permits, retries, server, trust
from reports.findings.facts import Facts, facts_of
from reports.findings.finding import SEVERITIES, Drawn, Finding
from reports.reading.run import Run

NOT_TRUSTED = "not to be trusted: the generator was late itself"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as readers see it, and the function that applies it."""

    key: str
    words: str
    draw: Callable[[Facts], list[Drawn]]


#: Whether the run can be believed: looked at in every run, however short.
TRUST = (
    Rule(
        "generator_saturated",
        "schedule lag p99 above 50 ms, or above 10 ms and above the median time of a reply (as in"
        " `degraded`)",
        trust.generator_saturated,
    ),
    Rule("run_incomplete", "any other reason in `degraded`", trust.run_incomplete),
    Rule(
        "unfinished_drain",
        "scheduled calls that were never recorded, in a run that ended",
        trust.unfinished_drain,
    ),
    Rule(
        "hot_worker",
        "a worker's schedule lag p99 above 10 ms and five times that of the middle one; or above 90 % of"
        " a core"
        " while the next is at half of it or less",
        trust.hot_worker,
    ),
    Rule("few_calls", "under 100 calls: the rules below are not applied", trust.few_calls),
)

_FAULTS = tuple(
    Rule(
        trouble.key,
        f"{trouble.rule}: a problem from 2 % of requests on, or 0.5 % of calls lost by it; a note from"
        " 0.2 % on."
        " A stretch: bins with 5 % or twice the run's share, if they hold half of them",
        faults.rule_of(trouble),
    )
    for trouble in faults.TROUBLES
)

RULES = (
    Rule(
        "calls_lost",
        "over 1 % of calls not ok in time. Worst: bins with 10 % lost or more",
        losses.calls_lost,
    ),
    Rule(
        "limits_low",
        "2 % of calls or more waited 50 ms for leave to send or were turned away; over the bins where"
        " every fifth"
        " did, 85 % of the permits were in use, under 2 % of requests met 429, 503 or silence, and a"
        " reply took at"
        " most 1.3 times what it took with few on the wire",
        permits.limits_low,
    ),
    Rule("permits_bound", "the same, but the API refused more or was slower", permits.permits_bound),
    Rule("held_back", "calls waited so while under 85 % of the permits were in use", permits.held_back),
    Rule(
        "breaker_eager",
        "breakers shut out 0.5 % of calls or more, although in the ten seconds before they opened 60 %"
        " of requests"
        " were ok, or half of the failures were 429s which the policy counts",
        breakers.breaker_eager,
    ),
    Rule("breaker_opened", "breakers that opened otherwise", breakers.breaker_opened),
    Rule(
        "retry_storm",
        "bins with more requests than calls due, 25 % of them or more retries, and at most 60 % of calls"
        " served in"
        " time; over them, at most half of the requests are ok, and at most half of the failures 429s",
        retries.retry_storm,
    ),
    *_FAULTS,
    Rule("refused_for_good", "any attempt that ended `fatal`", faults.refused_for_good),
    Rule(
        "server_knee",
        "with the most requests on the wire (twice those of the quietest replies, ten or more) a reply"
        " takes 1.5"
        " times as long or more; each over 5 % of the replies, twenty at least",
        server.server_knee,
    ),
    Rule(
        "slow_network",
        "with the mock server's log beside the run: 150 ms and 20 % of the time of ok requests are not"
        " its own",
        server.slow_network,
    ),
    Rule(
        "timeout_short",
        "1 % of requests or more cut by the attempt timeout, while 10 % of the replies took over 60 % of it",
        bounds.timeout_short,
    ),
    Rule(
        "deadline_short",
        "1 % of calls or more cut by their deadline, most of their time on the wire, while 10 % of the"
        " replies took"
        " over 60 % of it",
        bounds.deadline_short,
    ),
    Rule("out_of_time", "1 % of calls or more cut by their deadline otherwise", bounds.out_of_time),
    Rule(
        "tokens_wasted", "1 % of tokens or more in attempts ok of calls that were not", losses.tokens_wasted
    ),
    Rule(
        "kind_worse, model_worse",
        "a kind or model of 50 calls or more, served in time 10 points and 4 standard errors less than"
        " the rest",
        losses.kind_worse,
    ),
    Rule("retries_paid", "1 % of requests or more are retries, and there is no storm", retries.retries_paid),
    Rule(
        "never_the_limit",
        "permits that under 1 % of calls waited for, a breaker that never opened, a door that turned"
        " nobody away",
        losses.never_the_limit,
    ),
)

NOTHING_WRONG = ("nothing_wrong", "no rule found a problem")


def find(run: Run, summary: Mapping[str, Any]) -> list[Finding]:
    """The findings of a run: problems first, those that concern most calls ahead. Raises RunError."""
    facts = facts_of(run, summary)
    drawn = [found for rule in TRUST for found in rule.draw(facts)]
    if facts.calls >= trust.FEWEST_CALLS:
        drawn += _of_calls(facts)
    # A stable sort: findings of equal weight stand as their rules do.
    drawn.sort(key=lambda d: (SEVERITIES.index(d.finding.severity), -d.weight))
    return [d.finding for d in drawn]


def _of_calls(facts: Facts) -> list[Drawn]:
    found = [drawn for rule in RULES for drawn in rule.draw(facts)]
    if facts.late_generator:
        return [replace(d, finding=_doubted(d.finding)) for d in found]
    if any(d.finding.severity == "problem" for d in found):
        return found
    return [losses.nothing_wrong(facts), *(d for d in found if d.finding.key != "never_the_limit")]


def _doubted(finding: Finding) -> Finding:
    return replace(finding, evidence=(NOT_TRUSTED, *finding.evidence))


def in_words() -> list[tuple[str, str]]:
    """Every rule by its key, as pages and documentation print them."""
    return [*((rule.key, rule.words) for rule in (*TRUST, *RULES)), NOTHING_WRONG]

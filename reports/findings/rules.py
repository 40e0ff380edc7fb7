"""The rules, in words and as functions, and what they find in a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reports.figures import checks
from reports.findings import (
    bounds,
    breakers,
    faults,
    hold,
    injected,
    levels,
    losses,
    permits,
    retries,
    server,
    trust,
)
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


def _pct(share: float) -> str:
    return f"{100 * share:g} %"


#: Whether the run can be believed: looked at in every run, however short.
TRUST = (
    Rule(
        "generator_saturated",
        f"schedule lag p99 above {checks.LAG_LIMIT_MS:g} ms, or above {checks.LAG_LEAST_MS:g} ms and above"
        " the median time of a reply, as in `degraded`",
        trust.generator_saturated,
    ),
    Rule("run_incomplete", "any other reason in `degraded`", trust.run_incomplete),
    Rule(
        "unfinished_drain",
        "scheduled calls that were never recorded, in a run that came to its end",
        trust.unfinished_drain,
    ),
    Rule(
        "hot_worker",
        f"a worker with a schedule lag p99 above {checks.LAG_LEAST_MS:g} ms and {trust.HOT_FACTOR:g} times"
        f" that of the middle one, or with {_pct(checks.FULL_CPU)} of a core while the next has half of that"
        " at most",
        trust.hot_worker,
    ),
    Rule("faults_injected", "rows named `fault` in the events table", injected.faults_injected),
    Rule(
        "few_calls",
        f"under {trust.FEWEST_CALLS} calls: none of the rules below is applied",
        trust.few_calls,
    ),
)

_FIRST, *_OTHERS = faults.TROUBLES

_FAULTS = (
    Rule(
        _FIRST.key,
        f"{_FIRST.rule}: a problem from {_pct(faults.LEAST_REQUESTS)} of requests on, or where"
        f" {_pct(faults.LEAST_CALLS_LOST)} of calls ended so; a note from {_pct(faults.LEAST_NOTED)} of"
        f" requests on. Its stretches: as those of `calls_lost`, from {_pct(faults.LEAST_IN_STRETCH)} on",
        faults.rule_of(_FIRST),
    ),
    *(Rule(other.key, f"{other.rule}: as `{_FIRST.key}`", faults.rule_of(other)) for other in _OTHERS),
)

RULES = (
    Rule(
        "calls_lost",
        f"over {_pct(losses.MOST_LOST)} of calls not ok in time. Worst: the bins in which"
        f" {_pct(losses.LOST_IN_STRETCH)} were lost, and twice the run's share or half way from it to all,"
        " where these are at most three stretches and hold half of all that were lost; bins one apart are"
        " one stretch",
        losses.calls_lost,
    ),
    Rule(
        "limits_low",
        f"{_pct(hold.LEAST_HELD)} of calls waited 50 ms for leave to send, or were turned away;"
        f" {_pct(hold.IN_USE)} of the permits were in use while they did; and in the bins where one call in"
        f" five was held up, under {_pct(hold.MOST_REFUSED)} of requests met 429, 503 or silence, and a"
        f" reply took at most {hold.MOST_SLOWED:g} times what it took with few requests on the wire",
        permits.limits_low,
    ),
    Rule("permits_bound", "the same, but the API refused more, or was slower", permits.permits_bound),
    Rule(
        "permits_ramp",
        "calls waited so while there were fewer permits than the policy itself sets: a breaker had just"
        " closed",
        permits.permits_ramp,
    ),
    Rule(
        "own_rate",
        f"calls waited so with {_pct(hold.FREE)} of the permits in use at most; the policy sets rpm or tpm",
        permits.own_rate,
    ),
    Rule(
        "rate_waits",
        "the same, and the policy sets neither; calls did wait, or a 429 made the client pause",
        permits.rate_waits,
    ),
    Rule("held_up", "calls were held up so otherwise: it cannot be told by what", permits.held_up),
    Rule(
        "queue_full",
        f"of a run through a queue: {_pct(hold.LEAST_HELD)} of calls that it did not take; these are not"
        " among those turned away above",
        permits.queue_full,
    ),
    Rule(
        "breaker_eager",
        f"breakers shut out {_pct(breakers.LEAST_SHUT_OUT)} of calls, although in the ten seconds before"
        f" they opened {_pct(breakers.MOST_ANSWERED)} of the requests that ended were ok, or"
        f" {_pct(breakers.MOST_THROTTLED)} of the failures were 429s and the policy counts those",
        breakers.breaker_eager,
    ),
    Rule(
        "breaker_opened",
        f"breakers that opened otherwise: for cause, or at no cost; a problem from"
        f" {_pct(breakers.MUCH_SHUT_OUT)} of calls shut out on",
        breakers.breaker_opened,
    ),
    Rule(
        "retry_storm",
        f"{retries.LEAST_STORM_S:g} s of bins in which more requests were sent than calls were due,"
        f" {_pct(retries.LEAST_RETRIES)} of them retries, and at most {_pct(retries.MOST_GOOD)} of calls"
        f" were served in time; over them at most {_pct(retries.MOST_ANSWERED)} of the requests were ok, and"
        f" at most {_pct(retries.MOST_THROTTLED)} of the failures 429s",
        retries.retry_storm,
    ),
    *_FAULTS,
    Rule("refused_for_good", "any attempt that ended `fatal`", faults.refused_for_good),
    Rule(
        "server_knee",
        f"the replies sent with the most requests on the wire (the last {_pct(levels.SHARE_OF_REPLIES)} of"
        f" them, {levels.LEAST_REPLIES} at least) took {server.LEAST_SLOWING:g} times as long as those sent"
        f" with the fewest, which were at most half as many; {server.LEAST_IN_FLIGHT:g} at least were on the"
        " wire; by the time of the server's own log where it lies beside the run",
        server.server_knee,
    ),
    Rule(
        "slow_network",
        f"with the mock server's log beside the run: {1000 * server.LEAST_WAY_S:g} ms and"
        f" {_pct(server.LEAST_WAY_SHARE)} of the time of ok requests, on average, were not the server's",
        server.slow_network,
    ),
    Rule(
        "timeout_short",
        f"{_pct(bounds.LEAST_CUT)} of requests cut by the attempt timeout, while {_pct(bounds.LEAST_NEAR)}"
        f" of the replies took over {_pct(bounds.NEAR)} of it, and the API was neither past its knee nor"
        " overloaded",
        bounds.timeout_short,
    ),
    Rule(
        "deadline_short",
        f"{_pct(bounds.LEAST_CUT)} of calls cut by their deadline, half of their time that of requests"
        f" on the wire, while {_pct(bounds.LEAST_NEAR)} of the replies took over {_pct(bounds.NEAR)} of it,"
        " and the API was neither",
        bounds.deadline_short,
    ),
    Rule("out_of_time", "calls cut by their deadline otherwise", bounds.out_of_time),
    Rule(
        "tokens_wasted",
        f"{_pct(losses.LEAST_WASTED)} of tokens in attempts that were ok, of calls that were not",
        losses.tokens_wasted,
    ),
    Rule(
        "kind_worse, model_worse",
        f"a kind or model of {losses.FEWEST_OF_A_KIND} calls, served in time {100 * losses.WORSE_BY:g}"
        f" points and {losses.WORSE_ERRORS:g} standard errors less than the rest",
        losses.kind_worse,
    ),
    Rule(
        "retries_paid",
        f"{_pct(retries.LEAST_NOTED)} of requests are retries, {retries.FEWEST} at least, and there is no"
        " storm",
        retries.retries_paid,
    ),
    Rule(
        "never_the_limit",
        f"permits that under {_pct(losses.MOST_WAITED)} of calls waited for, a breaker that never opened, an"
        " admission that turned nobody away",
        losses.never_the_limit,
    ),
)

NOTHING_WRONG = ("nothing_wrong", "no rule found a problem")


def find(run: Run, summary: Mapping[str, Any]) -> list[Finding]:
    """The findings of a run: problems first, those that concern most calls ahead. Raises RunError."""
    facts = facts_of(run, summary)
    drawn = [found for rule in TRUST for found in facts.once(rule.draw)]
    if facts.calls >= trust.FEWEST_CALLS:
        drawn += _of_calls(facts, sound=all(d.finding.severity != "problem" for d in drawn))
    # A stable sort: findings of equal weight stand as their rules do.
    drawn.sort(key=lambda d: (SEVERITIES.index(d.finding.severity), -d.weight))
    return [d.finding for d in drawn]


def _of_calls(facts: Facts, *, sound: bool) -> list[Drawn]:
    """What the rules draw; that nothing went wrong, where they find no problem in a sound run."""
    found = [drawn for rule in RULES for drawn in facts.once(rule.draw)]
    if facts.late_generator:
        return [replace(d, finding=_doubted(d.finding)) for d in found]
    if not sound or any(d.finding.severity == "problem" for d in found):
        return found
    return [losses.nothing_wrong(facts), *(d for d in found if d.finding.key != "never_the_limit")]


def _doubted(finding: Finding) -> Finding:
    return replace(finding, evidence=(NOT_TRUSTED, *finding.evidence))


def in_words() -> list[tuple[str, str]]:
    """Every rule by its key, as pages and documentation print them."""
    return [*((rule.key, rule.words) for rule in (*TRUST, *RULES)), NOTHING_WRONG]

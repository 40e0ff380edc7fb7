"""What is wrong in the article's client, row by row: shown on `article`, absent on `tuned`.

The rows of the table that the policies decide; the others need waiting, streams or sockets.
"""

from random import Random
from statistics import mean

import pytest

from harness.model import Attempt, Fault, Level, Levels, Outcome, StoppedBy
from harness.policy.breaker import Breaker, State, make_breaker
from harness.policy.concurrency import make_limit
from harness.policy.config import Policy
from harness.policy.match import Verdict, verdict
from harness.policy.presets import ARTICLE, TUNED
from harness.policy.rate import RateBucket
from harness.policy.retry import Again, Stop, decide
from tests.harness.policy.attempts import SECOND, attempt

THROTTLED = attempt(Outcome.THROTTLED, Fault.STATUS, status=429)
REFUSED = attempt(Outcome.TRANSIENT, Fault.CONNECT)
QUOTA = attempt(Outcome.FATAL, Fault.QUOTA, status=429)
OK = attempt(Outcome.OK, status=200)


def _breaker(policy: Policy) -> Breaker:
    return make_breaker(policy.breaker, lambda: 0.0)


def _end(policy: Policy, breaker: Breaker, now_s: float, *attempts: Attempt) -> None:
    """Attempts that are let through and end one after the other at this instant."""
    now_ns = round(now_s * SECOND)
    for ended in attempts:
        ticket = breaker.admit(now_ns)
        assert ticket is not None
        breaker.settle(ticket, now_ns, verdict(policy.breaker, ended))


def _tripped(policy: Policy) -> tuple[Breaker, int]:
    """A breaker opened at 0 by failures only, and when it admits again."""
    breaker = _breaker(policy)
    while breaker.state is State.CLOSED:
        _end(policy, breaker, 0, REFUSED)
    assert breaker.retry_at_ns is not None
    return breaker, breaker.retry_at_ns


def _waits_s(policy: Policy, last: Attempt, tries: int, draws: int = 1000) -> list[float]:
    rng = Random(11)
    decisions = [
        decide(policy.retry, last, tries=tries, uniform=rng.random(), left_s=None) for _ in range(draws)
    ]
    return [decision.wait_s for decision in decisions if isinstance(decision, Again)]


def test_waits_of_two_seconds_each_are_neither_exponential_nor_jittered() -> None:
    assert {*_waits_s(ARTICLE, THROTTLED, 1), *_waits_s(ARTICLE, THROTTLED, 2)} == {2.0}
    for last, base_s in ((THROTTLED, 1.43), (REFUSED, 0.778)):  # bases of their own
        ceilings_s = (1, base_s), (2, 2 * base_s), (3, min(5.24, 4 * base_s)), (7, 5.24)  # the cap
        for tries, ceiling_s in ceilings_s:
            waits_s = _waits_s(TUNED, last, tries)
            assert len(set(waits_s)) > 990
            # The standard error of the mean is 0.289 / 31.6 = 0.0091 of the ceiling.
            assert mean(waits_s) == pytest.approx(ceiling_s / 2, abs=0.03 * ceiling_s)
            assert max(waits_s) < ceiling_s


def test_a_counter_opens_on_ten_failures_among_as_many_successes() -> None:
    # A failing half of the traffic walks the counter up and down; ten failures that end together open it,
    # although nine of ten calls are good.
    burst = [*[OK] * 90, *[REFUSED] * 10]
    article, tuned = _breaker(ARTICLE), _breaker(TUNED)
    _end(ARTICLE, article, 0, *burst)
    _end(TUNED, tuned, 0, *burst)
    assert (article.state, tuned.state) == (State.OPEN, State.CLOSED)
    # And it never opens on half of all failing, one by one.
    article = _breaker(ARTICLE)
    _end(ARTICLE, article, 0, *[REFUSED, OK] * 500)
    assert article.state is State.CLOSED


def test_a_429_counts_as_a_failure() -> None:
    article, tuned = _breaker(ARTICLE), _breaker(TUNED)
    _end(ARTICLE, article, 0, *[THROTTLED] * 10)
    _end(TUNED, tuned, 0, *[THROTTLED] * 1000)
    assert (article.state, tuned.state) == (State.OPEN, State.CLOSED)


def test_a_429_changes_nothing_but_the_breaker() -> None:
    # The treatment: all calls pause, and permits become fewer.
    article, tuned = make_limit(ARTICLE.concurrency), make_limit(TUNED.concurrency)
    for limit in (article, tuned):
        limit.note(THROTTLED, 100)
    assert (article.limit, tuned.limit) == (100, 120)  # 138 * 0.876, in whole permits
    ours, theirs = RateBucket(TUNED.rate), RateBucket(ARTICLE.rate)
    assert ours.pause(3, 0)
    assert not theirs.pause(3, 0)
    assert (ours.wait_ns(0, 0), theirs.wait_ns(0, 0)) == (3 * SECOND, 0)


def test_a_used_up_quota_is_retried() -> None:
    assert decide(ARTICLE.retry, QUOTA, tries=1, uniform=0.0, left_s=None) == Again(2.0)
    assert decide(TUNED.retry, QUOTA, tries=1, uniform=0.0, left_s=None) == Stop(StoppedBy.FATAL)
    assert verdict(ARTICLE.breaker, QUOTA) is Verdict.FAILURE
    assert verdict(TUNED.breaker, QUOTA) is Verdict.NEUTRAL


def test_after_the_open_time_everything_goes_at_once() -> None:
    let_through = {}
    for policy in (ARTICLE, TUNED):
        breaker, retry_at_ns = _tripped(policy)
        assert breaker.admit(retry_at_ns - 1) is None
        let_through[policy.name] = sum(breaker.admit(retry_at_ns) is not None for _ in range(200))
    assert let_through == {"article": 200, "tuned": TUNED.breaker.probes}


def test_every_opening_is_a_minute() -> None:
    lengths_s: dict[str, list[float]] = {}
    for policy in (ARTICLE, TUNED):
        breaker, retry_at_ns = _tripped(policy)
        lengths_s[policy.name] = [retry_at_ns / SECOND]
        for _ in range(4):
            at_ns = retry_at_ns
            while breaker.retry_at_ns is None or breaker.retry_at_ns <= at_ns:
                _end(policy, breaker, at_ns / SECOND, REFUSED)
            retry_at_ns = breaker.retry_at_ns
            lengths_s[policy.name].append((retry_at_ns - at_ns) / SECOND)
    assert lengths_s == {"article": [60] * 5, "tuned": [6.53, 13.06, 26.12, 30, 30]}


def test_late_failures_keep_it_open() -> None:
    for policy, moved_s in ((ARTICLE, 30), (TUNED, 0)):
        breaker = _breaker(policy)
        late = breaker.admit(0)
        assert late is not None
        while breaker.state is State.CLOSED:
            _end(policy, breaker, 0, REFUSED)
        before_ns = breaker.retry_at_ns
        breaker.settle(late, 30 * SECOND, verdict(policy.breaker, REFUSED))
        assert before_ns is not None
        assert breaker.retry_at_ns == before_ns + moved_s * SECOND


def test_the_breaker_is_not_asked_again_behind_the_queue() -> None:
    assert (ARTICLE.breaker.recheck, TUNED.breaker.recheck) == (False, True)
    for policy in (ARTICLE, TUNED):  # a ticket from before the trip is known to be stale by both
        breaker = _breaker(policy)
        ticket = breaker.admit(0)
        assert ticket is not None
        while breaker.state is State.CLOSED:
            _end(policy, breaker, 0, REFUSED)
        assert not breaker.holds(ticket)


def test_retry_after_is_ignored() -> None:
    told = attempt(Outcome.THROTTLED, Fault.STATUS, status=429, retry_after_s=7)
    assert set(_waits_s(ARTICLE, told, 1)) == {2.0}
    assert 7 < min(_waits_s(TUNED, told, 1)) < max(_waits_s(TUNED, told, 1)) < 7 + 1.43 + 0.01
    # One that passes the deadline ends the call at once.
    assert decide(TUNED.retry, told, tries=1, uniform=0.0, left_s=7) == Stop(StoppedBy.DEADLINE)
    never = attempt(Outcome.THROTTLED, Fault.STATUS, status=429, should_retry=False)
    assert decide(ARTICLE.retry, never, tries=1, uniform=0.0, left_s=None) == Again(2.0)
    assert decide(TUNED.retry, never, tries=1, uniform=0.0, left_s=None) == Stop(StoppedBy.FATAL)


@pytest.mark.parametrize(
    ("outcome", "fault", "status"),
    [
        (Outcome.TRANSIENT, Fault.STATUS, 408),
        (Outcome.TRANSIENT, Fault.STATUS, 409),
        (Outcome.TRANSIENT, Fault.STATUS, 500),
        (Outcome.TRANSIENT, Fault.STATUS, 502),
        (Outcome.OVERLOADED, Fault.STATUS, 503),
        (Outcome.OVERLOADED, Fault.STATUS, 529),
        (Outcome.TRANSIENT, Fault.READ, None),
        (Outcome.TRANSIENT, Fault.PROTOCOL, None),
        (Outcome.MALFORMED, Fault.BODY, 200),
    ],
)
def test_5xx_and_broken_connections_are_never_retried(
    outcome: Outcome, fault: Fault, status: int | None
) -> None:
    last = attempt(outcome, fault, status=status)
    assert decide(ARTICLE.retry, last, tries=1, uniform=0.0, left_s=None) == Stop(StoppedBy.FATAL)
    assert decide(TUNED.retry, last, tries=1, uniform=0.0, left_s=None) == Again(0.0)


def test_there_is_no_total_deadline() -> None:
    # Three attempts of a minute's silence each and two waits of two seconds: nothing cuts them short.
    assert ARTICLE.deadline_s is None
    assert decide(ARTICLE.retry, THROTTLED, tries=2, uniform=0.0, left_s=None) == Again(2.0)
    assert TUNED.deadline_s is not None
    assert TUNED.attempt_timeout_s is not None
    assert TUNED.attempt_timeout_s < TUNED.deadline_s


def test_nothing_bounds_the_retries_of_all_calls_together() -> None:
    assert (ARTICLE.budget.kind, TUNED.budget.kind) == ("off", "bucket")


def test_the_rate_headers_are_never_read() -> None:
    said = Levels(requests=Level(500, 0))
    ours, theirs = RateBucket(TUNED.rate), RateBucket(ARTICLE.rate)
    for bucket in (ours, theirs):
        bucket.sync(bucket.take(0, 0), said, 0)
    assert theirs.wait_ns(0, 0) == 0
    assert ours.wait_ns(0, 0) == SECOND * 60 // 500

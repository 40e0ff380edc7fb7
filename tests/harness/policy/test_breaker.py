"""Circuit breakers as paths through their states."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.policy.breaker import (
    Breaker,
    CounterBreaker,
    NoBreaker,
    RatioBreaker,
    State,
    Ticket,
    make_breaker,
)
from harness.policy.config import BreakerConfig
from harness.policy.match import Verdict
from tests.harness.policy.attempts import SECOND

CONFIG = BreakerConfig(window_s=10, min_calls=10, failure_ratio=0.5, open_s=5, probes=3)
COUNTER = BreakerConfig(kind="counter", threshold=10, open_s=60)


SLOW = replace(CONFIG, slow_call_s=8, slow_ratio=0.8)


def no_jitter() -> float:
    return 0.0


def _take(breaker: Breaker, now_s: float) -> Ticket:
    ticket = breaker.admit(round(now_s * SECOND))
    assert ticket is not None
    return ticket


def _one(breaker: Breaker, now_s: float, verdict: Verdict) -> None:
    """An attempt that ends as it begins."""
    breaker.settle(_take(breaker, now_s), round(now_s * SECOND), verdict)


def _many(breaker: Breaker, now_s: float, verdict: Verdict, count: int) -> None:
    for _ in range(count):
        _one(breaker, now_s, verdict)


def _opened(config: BreakerConfig = CONFIG, at_s: float = 0.0) -> RatioBreaker:
    breaker = RatioBreaker(config, no_jitter)
    _many(breaker, at_s, Verdict.FAILURE, config.min_calls)
    assert breaker.state is State.OPEN
    return breaker


def test_ratio_opens_lets_probes_through_and_closes() -> None:
    breaker = RatioBreaker(CONFIG, no_jitter)
    _many(breaker, 0, Verdict.SUCCESS, 5)
    _many(breaker, 0, Verdict.FAILURE, 4)
    assert breaker.state is State.CLOSED
    _one(breaker, 0, Verdict.FAILURE)  # five of ten
    assert breaker.state is State.OPEN
    assert breaker.admit(round(4.999 * SECOND)) is None
    probes = [_take(breaker, 5.0) for _ in range(3)]
    assert breaker.state is State.HALF_OPEN
    assert breaker.admit(5 * SECOND) is None
    for probe in probes[:2]:
        breaker.settle(probe, 6 * SECOND, Verdict.SUCCESS)
    assert breaker.state is State.HALF_OPEN
    breaker.settle(probes[2], 6 * SECOND, Verdict.SUCCESS)
    assert breaker.state is State.CLOSED
    _many(breaker, 6, Verdict.SUCCESS, 100)
    assert breaker.state is State.CLOSED


@pytest.mark.parametrize("bad", [Verdict.FAILURE, Verdict.SLOW])
def test_one_failed_or_slow_probe_opens_it_again(bad: Verdict) -> None:
    breaker = _opened(replace(SLOW, max_open_s=5))
    first, second, third = (_take(breaker, 5.0) for _ in range(3))
    breaker.settle(first, 6 * SECOND, Verdict.SUCCESS)
    breaker.settle(second, 7 * SECOND, bad)
    assert breaker.state is State.OPEN
    breaker.settle(third, 7 * SECOND, Verdict.SUCCESS)
    assert breaker.state is State.OPEN
    assert breaker.admit(round(11.999 * SECOND)) is None
    assert [_take(breaker, 12.0) for _ in range(3)]
    assert breaker.admit(12 * SECOND) is None


def test_too_few_calls_open_nothing() -> None:
    breaker = RatioBreaker(CONFIG, no_jitter)
    _many(breaker, 0, Verdict.FAILURE, 9)
    assert breaker.state is State.CLOSED


def test_a_ratio_below_the_limit_opens_nothing() -> None:
    breaker = RatioBreaker(CONFIG, no_jitter)
    for _ in range(100):
        _many(breaker, 0, Verdict.SUCCESS, 3)
        _many(breaker, 0, Verdict.FAILURE, 2)
    assert breaker.state is State.CLOSED


def test_the_window_forgets() -> None:
    breaker = RatioBreaker(CONFIG, no_jitter)
    _many(breaker, 0.5, Verdict.FAILURE, 9)
    _one(breaker, 10.5, Verdict.FAILURE)  # the nine are more than ten seconds old, or in the bucket that is
    assert breaker.state is State.CLOSED
    _many(breaker, 10.5, Verdict.FAILURE, 8)
    assert breaker.state is State.CLOSED
    _one(breaker, 10.5, Verdict.FAILURE)
    assert breaker.state is State.OPEN


def test_the_window_remembers_for_nine_tenths_of_its_length_at_least() -> None:
    breaker = RatioBreaker(CONFIG, no_jitter)
    _many(breaker, 0.5, Verdict.FAILURE, 9)
    _one(breaker, 9.4, Verdict.FAILURE)
    assert breaker.state is State.OPEN


def test_reopened_it_starts_with_an_empty_window() -> None:
    breaker = _opened()
    for probe in [_take(breaker, 5.0) for _ in range(3)]:
        breaker.settle(probe, 5 * SECOND, Verdict.SUCCESS)
    assert breaker.state is State.CLOSED
    _many(breaker, 5, Verdict.FAILURE, 9)
    assert breaker.state is State.CLOSED
    _one(breaker, 5, Verdict.FAILURE)
    assert breaker.state is State.OPEN


def test_neutral_results_weigh_nothing() -> None:
    breaker = RatioBreaker(CONFIG, no_jitter)
    _many(breaker, 0, Verdict.NEUTRAL, 1000)
    _many(breaker, 0, Verdict.FAILURE, 9)
    assert breaker.state is State.CLOSED
    _one(breaker, 0, Verdict.FAILURE)
    assert breaker.state is State.OPEN


def test_a_neutral_probe_is_given_back() -> None:
    breaker = _opened()
    probes = [_take(breaker, 5.0) for _ in range(3)]
    assert breaker.admit(5 * SECOND) is None
    breaker.settle(probes[0], 5 * SECOND, Verdict.NEUTRAL)
    assert breaker.state is State.HALF_OPEN
    again = _take(breaker, 5.0)
    assert breaker.admit(5 * SECOND) is None
    for probe in (*probes[1:], again):
        breaker.settle(probe, 5 * SECOND, Verdict.SUCCESS)
    assert breaker.state is State.CLOSED


def test_neutral_probes_alone_neither_close_nor_block_it() -> None:
    breaker = _opened()
    for _ in range(50):
        _one(breaker, 5, Verdict.NEUTRAL)
    assert breaker.state is State.HALF_OPEN


def test_late_results_of_an_older_generation_are_ignored() -> None:
    breaker = RatioBreaker(CONFIG, no_jitter)
    late = [_take(breaker, 0) for _ in range(40)]
    _many(breaker, 1, Verdict.FAILURE, 10)
    for ticket in late[:20]:
        breaker.settle(ticket, 2 * SECOND, Verdict.FAILURE)
    assert breaker.state is State.OPEN
    probes = [_take(breaker, 6.0) for _ in range(3)]  # opened at 1: the late failures moved nothing
    for ticket in late[20:]:
        breaker.settle(ticket, 6 * SECOND, Verdict.FAILURE)
    assert breaker.state is State.HALF_OPEN
    assert breaker.admit(6 * SECOND) is None
    for probe in probes:
        assert breaker.holds(probe)
        breaker.settle(probe, 6 * SECOND, Verdict.SUCCESS)
    assert breaker.state is State.CLOSED


def test_a_ticket_holds_until_the_state_changes() -> None:
    breaker = RatioBreaker(CONFIG, no_jitter)
    ticket = _take(breaker, 0)
    assert breaker.holds(ticket)
    _many(breaker, 0, Verdict.FAILURE, 10)
    assert not breaker.holds(ticket)


def _reopen(breaker: RatioBreaker, at_s: float) -> None:
    """Let a probe through at this instant, and let it fail."""
    _one(breaker, at_s, Verdict.FAILURE)
    assert breaker.state is State.OPEN


def test_each_opening_in_a_row_lasts_twice_as_long_up_to_the_longest() -> None:
    breaker = _opened(replace(CONFIG, open_s=5, max_open_s=30))
    at_s = 0.0
    for lasts_s in (5, 10, 20, 30, 30, 30):
        assert breaker.retry_at_ns == (at_s + lasts_s) * SECOND
        assert breaker.admit(round((at_s + lasts_s) * SECOND) - 1) is None
        at_s += lasts_s
        _reopen(breaker, at_s)


def test_closed_by_its_probes_it_begins_with_the_shortest_opening_again() -> None:
    breaker = _opened(replace(CONFIG, open_s=5, max_open_s=60))
    _reopen(breaker, 5)
    _reopen(breaker, 15)
    assert breaker.retry_at_ns == 35 * SECOND
    _many(breaker, 35, Verdict.SUCCESS, 3)
    assert breaker.state is State.CLOSED
    _many(breaker, 36, Verdict.FAILURE, 10)
    assert breaker.retry_at_ns == (36 + 5) * SECOND


def test_an_opening_is_longer_by_up_to_a_quarter_drawn_once_each() -> None:
    draws = iter([0.0, 0.5, 0.96])
    breaker = RatioBreaker(replace(CONFIG, open_s=8, max_open_s=8), lambda: next(draws))
    _many(breaker, 0, Verdict.FAILURE, 10)
    assert breaker.retry_at_ns == 8 * SECOND
    _reopen(breaker, 8)
    assert breaker.retry_at_ns == (8 + 9) * SECOND
    _reopen(breaker, 17)
    assert breaker.retry_at_ns == round((17 + 8 + 2 * 0.96) * SECOND)


def test_the_thousandth_opening_in_a_row_lasts_no_longer_than_the_longest() -> None:
    breaker = _opened(replace(CONFIG, open_s=1, max_open_s=2))
    for k in range(2000):
        _reopen(breaker, 2 * k + 1)
    assert breaker.retry_at_ns == (2 * 1999 + 1 + 2) * SECOND


def test_only_an_open_breaker_says_when_it_admits_again() -> None:
    breaker = RatioBreaker(CONFIG, no_jitter)
    assert breaker.retry_at_ns is None
    _many(breaker, 3, Verdict.FAILURE, 10)
    assert breaker.retry_at_ns == 8 * SECOND
    _take(breaker, 8)
    assert breaker.retry_at_ns is None
    counter = CounterBreaker(COUNTER)
    assert counter.retry_at_ns is None
    _many(counter, 3, Verdict.FAILURE, 10)
    assert counter.retry_at_ns == 63 * SECOND
    assert NoBreaker().retry_at_ns is None


def test_slow_calls_open_it_as_failures_do() -> None:
    breaker = RatioBreaker(SLOW, no_jitter)
    _many(breaker, 0, Verdict.SUCCESS, 2)
    _many(breaker, 0, Verdict.SLOW, 7)
    assert breaker.state is State.CLOSED  # seven of nine, and too few
    _one(breaker, 0, Verdict.SLOW)  # eight of ten
    assert breaker.state is State.OPEN


def test_slow_calls_and_failures_are_weighed_apart() -> None:
    breaker = RatioBreaker(SLOW, no_jitter)
    for _ in range(20):  # 40 % fail, 60 % are slow: neither is enough
        _many(breaker, 0, Verdict.SLOW, 3)
        _many(breaker, 0, Verdict.FAILURE, 2)
    assert breaker.state is State.CLOSED


@pytest.mark.parametrize(("bad", "few", "enough"), [(Verdict.SLOW, 7, 8), (Verdict.FAILURE, 4, 5)])
def test_bad_calls_leave_the_window_with_the_others(bad: Verdict, few: int, enough: int) -> None:
    for count, state in ((few, State.CLOSED), (enough, State.OPEN)):
        breaker = RatioBreaker(SLOW, no_jitter)
        _many(breaker, 0, bad, 9)
        _many(breaker, 10, Verdict.SUCCESS, 10 - count)
        _many(breaker, 10, bad, count)
        assert breaker.state is state


@given(
    probes=st.integers(1, 10),
    order=st.permutations(range(200)),
    ends=st.lists(st.sampled_from(list(Verdict)), min_size=200, max_size=200),
    at_once=st.integers(1, 200),
)
@settings(deadline=None, max_examples=60)
def test_of_two_hundred_callers_exactly_the_probes_are_let_through(
    probes: int, order: list[int], ends: list[Verdict], at_once: int
) -> None:
    breaker = _opened(replace(CONFIG, probes=probes))
    out: list[Ticket] = []
    succeeded = 0
    for turn, caller in enumerate(order):
        if breaker.state is State.CLOSED or (out and breaker.state is State.OPEN):
            break
        ticket = breaker.admit(5 * SECOND)
        assert (ticket is not None) == (len(out) + succeeded < probes)
        if ticket is not None:
            out.append(ticket)
        if out and turn % at_once == 0:
            verdict = ends[caller]
            breaker.settle(out.pop(caller % len(out)), 5 * SECOND, verdict)
            succeeded += verdict is Verdict.SUCCESS
            if verdict in {Verdict.FAILURE, Verdict.SLOW}:
                assert breaker.state is State.OPEN
                assert breaker.admit(5 * SECOND) is None
                return
        assert (breaker.state is State.CLOSED) == (succeeded == probes)


@given(
    st.lists(
        st.tuples(st.integers(0, SECOND), st.booleans(), st.sampled_from(list(Verdict)), st.integers(0, 99)),
        max_size=300,
    )
)
@settings(deadline=None, max_examples=60)
def test_in_flight_probes_never_exceed_their_number_under_any_interleaving(
    steps: list[tuple[int, bool, Verdict, int]],
) -> None:
    breaker = RatioBreaker(replace(CONFIG, min_calls=2, open_s=0.5), no_jitter)
    out: list[Ticket] = []
    now_ns = 0
    for gap_ns, admitting, verdict, pick in steps:
        now_ns += gap_ns
        if admitting or not out:
            ticket = breaker.admit(now_ns)
            out.extend([ticket] if ticket else [])
            assert ticket is not None or breaker.state is not State.CLOSED
        else:
            breaker.settle(out.pop(pick % len(out)), now_ns, verdict)
        if breaker.state is State.HALF_OPEN:
            assert sum(map(breaker.holds, out)) <= 3


def test_counter_opens_at_the_threshold_and_refuses_for_its_time() -> None:
    breaker = CounterBreaker(COUNTER)
    _many(breaker, 0, Verdict.FAILURE, 9)
    assert breaker.state is State.CLOSED
    _one(breaker, 1, Verdict.FAILURE)
    assert breaker.state is State.OPEN
    assert breaker.admit(round(60.999 * SECOND)) is None
    _many(breaker, 61, Verdict.FAILURE, 9)  # all at once, and from nothing
    assert breaker.state is State.CLOSED
    _one(breaker, 61, Verdict.FAILURE)
    assert breaker.state is State.OPEN


def test_counter_leaks_with_every_success_and_not_below_nothing() -> None:
    breaker = CounterBreaker(COUNTER)
    _many(breaker, 0, Verdict.SUCCESS, 100)
    for _ in range(100):  # as many successes as failures: nothing adds up
        _one(breaker, 0, Verdict.FAILURE)
        _one(breaker, 0, Verdict.SUCCESS)
    _many(breaker, 0, Verdict.FAILURE, 9)
    _many(breaker, 0, Verdict.NEUTRAL, 50)
    assert breaker.state is State.CLOSED
    _one(breaker, 0, Verdict.FAILURE)
    assert breaker.state is State.OPEN


def test_counter_takes_a_slow_success_for_a_success() -> None:
    breaker = CounterBreaker(COUNTER)
    _many(breaker, 0, Verdict.FAILURE, 9)
    _one(breaker, 0, Verdict.SLOW)
    _one(breaker, 0, Verdict.FAILURE)
    assert breaker.state is State.CLOSED


def test_counter_late_failures_move_the_opening_time_on() -> None:
    breaker = CounterBreaker(COUNTER)
    late = _take(breaker, 0)
    _many(breaker, 0, Verdict.FAILURE, 10)
    breaker.settle(late, 30 * SECOND, Verdict.FAILURE)
    assert breaker.admit(60 * SECOND) is None
    assert breaker.admit(round(89.999 * SECOND)) is None
    assert breaker.admit(90 * SECOND) is not None


def test_counter_late_successes_count_down_without_closing_it() -> None:
    breaker = CounterBreaker(COUNTER)
    late = [_take(breaker, 0) for _ in range(11)]
    _many(breaker, 0, Verdict.FAILURE, 10)
    for ticket in late[:10]:
        breaker.settle(ticket, SECOND, Verdict.SUCCESS)
    assert breaker.state is State.OPEN
    breaker.settle(late[10], 30 * SECOND, Verdict.FAILURE)  # one of ten: the opening time stays
    assert breaker.admit(60 * SECOND) is not None


def test_counter_lets_everything_through_after_its_time() -> None:
    breaker = CounterBreaker(COUNTER)
    _many(breaker, 0, Verdict.FAILURE, 10)
    assert all(breaker.admit(60 * SECOND) for _ in range(200))


def test_counter_ticket_holds_while_it_is_closed() -> None:
    breaker = CounterBreaker(COUNTER)
    ticket = _take(breaker, 0)
    assert breaker.holds(ticket)
    _many(breaker, 0, Verdict.FAILURE, 10)
    assert not breaker.holds(ticket)


def test_off_refuses_nothing() -> None:
    breaker = NoBreaker()
    _many(breaker, 0, Verdict.FAILURE, 1000)
    assert breaker.state is State.CLOSED
    assert breaker.holds(_take(breaker, 0))


@pytest.mark.parametrize(
    ("kind", "made"), [("ratio", RatioBreaker), ("counter", CounterBreaker), ("off", NoBreaker)]
)
def test_each_kind_has_its_breaker(kind: str, made: type) -> None:
    assert isinstance(make_breaker(BreakerConfig(kind=kind), no_jitter), made)

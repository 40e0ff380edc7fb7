"""How many permits there are: fixed, or additive increase and multiplicative decrease; and slow starts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Attempt, Fault, Outcome
from harness.policy.concurrency import AimdLimit, Limit, NoLimit, StaticLimit, make_limit
from harness.policy.config import ConcurrencyConfig
from tests.harness.policy.attempts import attempt

OK = attempt(Outcome.OK, status=200)


def _aimd(
    initial: int = 10,
    least: int = 1,
    most: int = 100,
    decrease: float = 0.5,
    on: tuple[str, ...] = ("throttled",),
) -> AimdLimit:
    return AimdLimit(
        ConcurrencyConfig(
            kind="aimd", initial=initial, min=least, max=most, decrease=decrease, decrease_on=on
        )
    )


def _throttled(sent_s: float, end_s: float) -> Attempt:
    return attempt(Outcome.THROTTLED, Fault.STATUS, status=429, sent_s=sent_s, end_s=end_s)


def _succeed(limit: Limit, times: int, in_use: int = 1000) -> None:
    for _ in range(times):
        limit.note(OK, in_use)


@pytest.mark.parametrize(("kind", "made"), [("static", StaticLimit), ("aimd", AimdLimit), ("off", NoLimit)])
def test_each_kind_has_its_limit(kind: str, made: type) -> None:
    assert isinstance(make_limit(ConcurrencyConfig(kind=kind)), made)


def test_off_sets_no_bound_whatever_happens() -> None:
    limit = NoLimit()
    limit.restart(3)
    limit.note(_throttled(0, 1), 5)
    assert limit.limit is None


def test_static_stays_where_it_is() -> None:
    limit = make_limit(ConcurrencyConfig(limit=7))
    _succeed(limit, 50)
    limit.note(_throttled(0, 1), 7)
    assert limit.limit == 7


def test_a_slow_start_grows_by_one_a_success_to_the_normal_limit_and_no_further() -> None:
    limit = make_limit(ConcurrencyConfig(limit=7))
    limit.restart(3)
    seen = []
    for _ in range(6):
        limit.note(OK, 1)
        limit.note(_throttled(0, 1), 1)  # no success
        seen.append(limit.limit)
    assert seen == [4, 5, 6, 7, 7, 7]


def test_a_slow_start_never_begins_above_the_limit() -> None:
    limit = make_limit(ConcurrencyConfig(limit=3))
    limit.restart(5)
    assert limit.limit == 3


@pytest.mark.parametrize("initial", [1, 2, 3, 7, 10, 49])
def test_a_round_of_successes_adds_one_permit(initial: int) -> None:
    limit = _aimd(initial)
    _succeed(limit, initial - 1)
    assert limit.limit == initial
    _succeed(limit, 1)
    assert limit.limit == initial + 1


def test_it_grows_only_while_half_of_it_is_used() -> None:
    limit = _aimd(10)
    _succeed(limit, 1000, in_use=4)
    assert limit.limit == 10
    _succeed(limit, 10, in_use=5)
    assert limit.limit == 11


def test_it_grows_no_further_than_its_maximum() -> None:
    limit = _aimd(10, most=12)
    _succeed(limit, 1000)
    assert limit.limit == 12


def test_congestion_cuts_by_the_factor_down_to_the_minimum() -> None:
    limit = _aimd(40, least=8)
    seen = []
    for second in range(4):
        limit.note(_throttled(second + 0.1, second + 0.9), 40)
        seen.append(limit.limit)
    assert seen == [20, 10, 8, 8]


@pytest.mark.parametrize(
    ("outcome", "fault", "cut"),
    [
        (Outcome.THROTTLED, Fault.STATUS, True),
        (Outcome.OVERLOADED, Fault.STATUS, True),
        (Outcome.TIMEOUT, Fault.ATTEMPT_TIMEOUT, True),
        (Outcome.TRANSIENT, Fault.CONNECT, False),
        (Outcome.FATAL, Fault.STATUS, False),
        (Outcome.CANCELLED, Fault.NONE, False),
        (Outcome.PARTIAL, Fault.STREAM, False),
    ],
)
def test_throttles_overload_and_timeouts_are_congestion_by_default(
    outcome: Outcome, fault: Fault, *, cut: bool
) -> None:
    limit = make_limit(ConcurrencyConfig(kind="aimd", initial=100, max=100, decrease=0.7))
    limit.note(attempt(outcome, fault), 100)
    assert limit.limit == (70 if cut else 100)


def test_what_was_sent_before_the_last_cut_does_not_cut_again() -> None:
    limit = _aimd(64)
    limit.note(_throttled(0, 10), 64)
    for sent_s in range(11):  # a whole round was in flight, and fails later
        limit.note(_throttled(sent_s, 12), 64)
    assert limit.limit == 32
    limit.note(_throttled(10.001, 13), 32)
    assert limit.limit == 16


def test_there_is_one_cut_a_round_trip_though_a_429_comes_back_at_once() -> None:
    limit = _aimd(64)
    limit.note(attempt(Outcome.OK, status=200, sent_s=0, end_s=4), 64)
    limit.note(_throttled(4.0, 4.01), 64)
    for tenth in range(1, 40):  # a burst of them, each sent after the one before had come back
        limit.note(_throttled(4.01 + tenth / 10, 4.0101 + tenth / 10), 64)
    assert limit.limit == 32
    limit.note(_throttled(8.0, 8.02), 32)
    assert limit.limit == 16


def test_the_round_trip_is_smoothed_as_tcp_does() -> None:
    limit = _aimd(64)
    for took_s in (4.0, 12.0):  # 4 + (12 - 4) / 8 = 5
        limit.note(attempt(Outcome.OK, status=200, sent_s=0, end_s=took_s), 1)
    limit.note(_throttled(20.0, 20.01), 64)
    limit.note(_throttled(25.0, 25.009), 64)
    assert limit.limit == 32
    limit.note(_throttled(25.0, 25.011), 64)
    assert limit.limit == 16


def test_the_first_attempt_of_all_may_cut() -> None:
    limit = _aimd(64)
    limit.note(_throttled(0, 0), 1)  # virtual time begins at 0
    assert limit.limit == 32


def test_after_a_restart_aimd_grows_by_one_a_success_to_where_it_was() -> None:
    limit = _aimd(40, least=20)
    limit.restart(5)
    assert limit.limit == 5  # below its minimum, too
    _succeed(limit, 35, in_use=1)
    assert limit.limit == 40
    _succeed(limit, 39)
    assert limit.limit == 40
    _succeed(limit, 1)
    assert limit.limit == 41


def test_congestion_during_a_slow_start_ends_it_at_a_lower_level() -> None:
    limit = _aimd(40, least=1)
    limit.restart(5)
    _succeed(limit, 15)
    limit.note(_throttled(5, 6), 20)
    assert limit.limit == 10
    _succeed(limit, 9)
    assert limit.limit == 10
    _succeed(limit, 1)
    assert limit.limit == 11


def test_congestion_at_a_slow_start_below_the_minimum_does_not_raise_it() -> None:
    limit = _aimd(40, least=20)
    limit.restart(5)
    limit.note(_throttled(5, 6), 5)
    assert limit.limit == 5
    _succeed(limit, 15)
    assert limit.limit == 20


def test_a_restart_during_a_slow_start_keeps_the_aim() -> None:
    limit = _aimd(40)
    limit.restart(5)
    _succeed(limit, 10)
    limit.restart(5)
    _succeed(limit, 35)
    assert limit.limit == 40


@pytest.mark.parametrize("decrease", [0.5, 0.7, 0.9])
def test_against_a_fixed_capacity_the_mean_is_half_way_between_the_peak_and_its_cut(decrease: float) -> None:
    capacity, rounds = 60, 3000
    limit = _aimd(20, most=1000, decrease=decrease)
    levels = []
    for second in range(rounds):  # a round a second: as many as permitted, those beyond capacity refused
        sent = limit.limit
        for n in range(sent):
            limit.note(OK if n < capacity else _throttled(second + 0.01, second + 0.99), sent)
        levels.append(sent)
    steady = levels[rounds // 10 :]
    assert sum(steady) / len(steady) == pytest.approx((1 + decrease) / 2 * max(steady), rel=0.03)
    assert capacity < max(steady) <= capacity + 2


@given(
    initial=st.integers(5, 50),
    steps=st.lists(st.one_of(st.just("ok"), st.just("throttled"), st.integers(1, 80)), max_size=200),
)
@settings(deadline=None)
def test_aimd_stays_between_its_bounds_but_for_slow_starts(initial: int, steps: list[str | int]) -> None:
    limit = _aimd(initial, least=5, most=50)
    lowest = 5
    for second, step in enumerate(steps):
        if isinstance(step, int):
            lowest = min(lowest, step)
            before = limit.limit
            limit.restart(step)
            assert limit.limit == min(before, step)
        elif step == "ok":
            before = limit.limit
            limit.note(OK, limit.limit)
            assert before <= limit.limit <= before + 1
        else:
            before = limit.limit
            limit.note(_throttled(second + 0.1, second + 0.9), limit.limit)
            assert limit.limit <= before
        assert lowest <= limit.limit <= 50

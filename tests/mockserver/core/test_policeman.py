"""Who comes back too early."""

from hypothesis import given
from hypothesis import strategies as st

from mockserver.core.decide import Core
from mockserver.core.decisions import Arrival, Generate, Overload, Throttle
from mockserver.core.policeman import MAX_REMEMBERED, Early, Policeman
from mockserver.profile import CapacitySettings, Limits, Profile
from mockserver.rules import RequestRule, RetryAfter

MS = 1_000
S = 1_000_000


def test_nobody_was_told_anything() -> None:
    police = Policeman()
    assert police.check("k", "m", 1, 0) == Early()
    assert (police.early_retries, police.early_requests) == (0, 0)


def test_a_retry_before_its_time_is_counted_and_one_in_time_is_not() -> None:
    police = Policeman()
    police.tell("k", "m", 1, 500)
    assert police.check("k", "m", 1, 499) == Early(1, 1)
    assert police.check("k", "m", 1, 500) == Early(0, 0)
    assert (police.early_retries, police.early_requests) == (1, 1)


def test_another_call_of_the_account_comes_too_early_as_well() -> None:
    police = Policeman()
    police.tell("k", "m", 1, 500)
    assert police.check("k", "m", 2, 400) == Early(0, 100)
    assert police.check("k", "other", 2, 400) == Early(0, 0)
    assert police.check("other", "m", 2, 400) == Early(0, 0)
    assert (police.early_retries, police.early_requests) == (0, 1)


def test_what_was_said_last_holds_for_a_call_and_what_lasts_longest_for_an_account() -> None:
    police = Policeman()
    police.tell("k", "m", 1, 900)
    police.tell("k", "m", 1, 500)
    assert police.check("k", "m", 1, 600) == Early(0, 300)


def test_no_more_is_remembered_than_the_bound() -> None:
    police = Policeman()
    for call in range(MAX_REMEMBERED + 1):
        police.tell("k", "m", call, 500)
    assert police.check("k", "m", 0, 0).of_call_us == 0
    assert police.check("k", "m", 1, 0).of_call_us == 500


def _arrival(call: int, attempt: int = 1, unit_us: int = MS) -> Arrival:
    return Arrival("/p", "m", "k", 10, 100, call, attempt, hint_unit_us=unit_us)


@given(st.integers(1, 6_000), st.integers(2, 60), st.sampled_from([MS, S]))
def test_who_waits_as_told_is_let_in_and_never_counted(rpm: int, calls: int, unit_us: int) -> None:
    core = Core(Profile("p", limits=Limits(rpm=rpm, window_s=0.5)), seed=1)
    now_us = 0
    for call in range(calls):
        attempt = 1
        while True:
            core.early(_arrival(call, attempt), now_us)
            decision = core.arrive(_arrival(call, attempt, unit_us), now_us)
            if isinstance(decision, Generate):
                break
            assert attempt == 1
            assert isinstance(decision, Throttle)
            assert decision.exceeded.wait_us is not None
            now_us += -(-decision.exceeded.wait_us // unit_us) * unit_us
            attempt += 1
    assert (core.policeman.early_retries, core.policeman.early_requests) == (0, 0)


def test_every_kind_of_refusal_with_a_hint_is_noted() -> None:
    full = Core(Profile("p", capacity=CapacitySettings(slots=1, overload_retry_after_s=2)), seed=1)
    full.arrive(_arrival(0), 0)
    assert isinstance(full.arrive(_arrival(1), 0), Overload)
    assert full.early(_arrival(1), S).of_call_us == S
    rule = RequestRule("r", "status", status=503, retry_after=RetryAfter(1.5))
    injected = Core(Profile("p", request_faults=(rule,)), seed=1)
    injected.arrive(_arrival(1, unit_us=S), 0)
    assert injected.early(_arrival(1), S).of_call_us == S  # told in whole seconds


def test_a_reset_forgets() -> None:
    core = Core(Profile("p", limits=Limits(rpm=1)), seed=1)
    core.arrive(_arrival(0), 0)
    core.arrive(_arrival(1), 0)
    assert core.early(_arrival(1), 0).of_call_us > 0
    core.reset(1)
    assert core.early(_arrival(1), 0) == Early()
    assert core.policeman.early_retries == 0

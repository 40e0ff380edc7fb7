"""What becomes of a task whose call failed; worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import (
    CallError,
    DeadlineExceeded,
    Fatal,
    LocalExhaustion,
    Malformed,
    Overloaded,
    Rejected,
    RequestError,
    Throttled,
    TimedOut,
    Transient,
)
from harness.queue.settings import WorkerSettings
from harness.queue.verdict import Again, Failed, judge, wait_s
from harness.transport.till import BUDGET_SPENT

SETTINGS = WorkerSettings(tries=3, retry_base_s=2.0, retry_cap_s=60.0)


def error(kind: type[CallError], outcome: str, attempts: int = 1, **more: object) -> CallError:
    return kind("words", outcome=outcome, attempts=attempts, **more)  # type: ignore[arg-type]


def judged(
    failed: Exception, tries: int = 1, returns: int = 0, left_s: float | None = None, uniform: float = 0.5
) -> Again | Failed:
    return judge(failed, SETTINGS, tries=tries, returns=returns, left_s=left_s, uniform=uniform)


@pytest.mark.parametrize(
    ("failed", "free"),
    [
        (error(Transient, "transient"), False),
        (error(TimedOut, "timeout"), False),
        (error(Malformed, "malformed"), False),
        (error(DeadlineExceeded, "deadline"), False),
        (RuntimeError("a fault of ours"), False),
        (error(Throttled, "throttled"), True),
        (error(Overloaded, "overloaded"), True),
        (error(LocalExhaustion, "local"), True),
        (error(Rejected, "rejected", 0, stopped_by="breaker"), True),
        (error(DeadlineExceeded, "deadline", 0), True),  # it waited for a permit and was never sent
        (error(Transient, "transient", 3, stopped_by="breaker"), True),  # the API is down for others, too
    ],
)
def test_which_tries_count(failed: Exception, *, free: bool) -> None:
    assert judged(failed) == Again(1.0, free)
    assert isinstance(judged(failed, tries=3), Again) is free


@pytest.mark.parametrize("failed", [error(Fatal, "fatal"), RequestError("no")])
def test_what_no_wait_can_help_is_a_dead_letter_at_once(failed: Exception) -> None:
    assert judged(failed) == Failed(dead=True)


def test_what_this_worker_may_not_send_any_more_costs_the_task_nothing() -> None:
    assert judged(error(Fatal, "fatal", code=BUDGET_SPENT), tries=3) == Again(0.0, free=True)
    said_by_the_api = error(Fatal, "fatal", code=BUDGET_SPENT, status=400)
    assert judged(said_by_the_api) == Failed(dead=True)


def test_the_last_try_is_the_last() -> None:
    assert isinstance(judged(error(Transient, "transient"), tries=2), Again)
    assert judged(error(Transient, "transient"), tries=3) == Failed(dead=True, why="the last of 3 tries")


def test_waits_double_up_to_the_cap_and_are_drawn_from_nought_to_there() -> None:
    assert [wait_s(SETTINGS, returns, 1.0) for returns in range(7)] == [2, 4, 8, 16, 32, 60, 60]
    assert wait_s(SETTINGS, 3, 0.25) == 4.0
    assert wait_s(SETTINGS, 10**9, 0.5) == 30.0


def test_the_wait_of_what_was_not_sent_does_not_grow() -> None:
    refused = error(Rejected, "rejected", 0, stopped_by="breaker", retry_after_s=6.0)
    assert judged(refused, returns=9) == Again(6.0 + 1.0, free=True)
    assert judged(error(Overloaded, "overloaded"), returns=9) == Again(30.0, free=True)


def test_a_hint_is_a_floor_and_not_believed_for_ever() -> None:
    assert judged(error(Throttled, "throttled", retry_after_s=7.0)) == Again(8.0, free=True)
    assert judged(error(Throttled, "throttled", retry_after_s=86_400.0)) == Again(301.0, free=True)


def test_no_wait_begins_that_ends_after_the_deadline() -> None:
    fails = Failed(dead=False, why="no further try would begin before its deadline")
    assert judged(error(Overloaded, "overloaded"), left_s=1.0) == fails
    assert judged(error(Overloaded, "overloaded"), left_s=1.01) == Again(1.0, free=True)


@given(returns=st.integers(0, 10**6), uniform=st.floats(0, 1, exclude_max=True), hint=st.floats(0, 1e6))
def test_a_wait_is_never_negative_nor_beyond_cap_and_hint(returns: int, uniform: float, hint: float) -> None:
    verdict = judged(error(Overloaded, "overloaded", retry_after_s=hint), returns=returns, uniform=uniform)
    assert isinstance(verdict, Again)
    assert min(hint, 300) <= verdict.delay_s <= 60 + min(hint, 300)

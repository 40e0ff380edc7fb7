"""The retry budget: a token bucket."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Fault, Outcome
from harness.policy.budget import RetryBudget
from harness.policy.config import BudgetConfig, RetryConfig
from harness.policy.retry import Again, decide
from tests.harness.policy.attempts import SECOND, attempt


def _drain(budget: RetryBudget, now_ns: int, most: int = 10_000) -> int:
    """How many retries it pays for at this instant."""
    return next((n for n in range(most) if not budget.withdraw(now_ns)), most)


def test_it_starts_full_and_a_retry_costs_one() -> None:
    budget = RetryBudget(BudgetConfig(ratio=0.2, min_per_s=0, cap=7))
    assert _drain(budget, 0) == 7
    assert not budget.withdraw(1000 * SECOND)


def test_five_calls_earn_one_retry_at_a_ratio_of_a_fifth() -> None:
    budget = RetryBudget(BudgetConfig(ratio=0.25, min_per_s=0, cap=10))
    _drain(budget, 0)
    for _ in range(3):
        budget.deposit(0)
    assert not budget.withdraw(0)
    budget.deposit(0)
    assert budget.withdraw(0)
    assert not budget.withdraw(0)


def test_seconds_earn_the_minimum_rate() -> None:
    budget = RetryBudget(BudgetConfig(ratio=0, min_per_s=10, cap=100))
    assert _drain(budget, 0) == 100
    assert not budget.withdraw(SECOND // 20)
    assert _drain(budget, SECOND // 10) == 1
    assert _drain(budget, SECOND // 10 + 2 * SECOND) == 20


def test_savings_are_capped() -> None:
    budget = RetryBudget(BudgetConfig(ratio=1, min_per_s=10, cap=5))
    for _ in range(50):
        budget.deposit(0)
    assert _drain(budget, 3600 * SECOND) == 5


def test_the_first_reading_of_the_clock_earns_nothing() -> None:
    # A monotonic clock starts anywhere.
    budget = RetryBudget(BudgetConfig(ratio=0, min_per_s=10, cap=1))
    assert budget.withdraw(10**18)
    assert not budget.withdraw(10**18)


def test_a_retry_that_was_not_let_through_is_paid_back() -> None:
    budget = RetryBudget(BudgetConfig(ratio=0, min_per_s=0, cap=2))
    assert _drain(budget, 0) == 2
    budget.refund(0)
    assert _drain(budget, 0) == 1


def test_what_is_paid_back_fills_no_further_than_the_cap() -> None:
    budget = RetryBudget(BudgetConfig(ratio=0, min_per_s=10, cap=2))
    assert budget.withdraw(0)
    budget.refund(5 * SECOND)  # five seconds have filled it
    assert _drain(budget, 5 * SECOND) == 2


def test_off_always_pays() -> None:
    budget = RetryBudget(BudgetConfig(kind="off", ratio=0, min_per_s=0, cap=1))
    assert _drain(budget, 0, most=500) == 500


@given(
    ratio=st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0]),
    min_per_s=st.sampled_from([0.0, 1.0, 10.0]),
    cap=st.sampled_from([1.0, 10.0, 100.0]),
    steps=st.lists(st.tuples(st.integers(0, SECOND), st.integers(0, 30)), max_size=60),
)
@settings(deadline=None)
def test_amplification_is_bounded_however_many_retries_are_asked_for(
    ratio: float, min_per_s: float, cap: float, steps: list[tuple[int, int]]
) -> None:
    budget = RetryBudget(BudgetConfig(ratio=ratio, min_per_s=min_per_s, cap=cap))
    now_ns = paid = 0
    for gap_ns, asked in steps:
        now_ns += gap_ns
        budget.deposit(now_ns)
        paid += sum(budget.withdraw(now_ns) for _ in range(asked))
    calls = len(steps)
    assert paid <= ratio * calls + cap + min_per_s * now_ns / SECOND + 1e-6


def test_steady_failure_is_amplified_by_the_ratio_alone() -> None:
    budget = RetryBudget(BudgetConfig(ratio=0.2, min_per_s=0, cap=10))
    paid = 0
    for _ in range(10_000):
        budget.deposit(0)
        paid += sum(budget.withdraw(0) for _ in range(4))
    # 10,000 calls earn 2,000 retries; the bucket began with 10.
    assert paid == pytest.approx(2010, abs=11)


@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("attempts", [3, 6])
def test_total_failure_is_amplified_no_further_than_the_budget_allows(ratio: float, attempts: int) -> None:
    seed = 5
    rng = Random(seed)
    config, retry = BudgetConfig(ratio=ratio, min_per_s=2, cap=20), RetryConfig(attempts=attempts)
    budget = RetryBudget(config)
    failed = attempt(Outcome.TRANSIENT, Fault.CONNECT)
    calls, sent, now_s = 5_000, 0, 0.0
    for _ in range(calls):  # twenty calls a second, all of whose attempts fail
        now_s += rng.expovariate(20)
        now_ns = round(now_s * SECOND)
        budget.deposit(now_ns)
        tries = sent_here = 1
        while isinstance(decide(retry, failed, tries=tries, uniform=rng.random(), left_s=None), Again):
            if not budget.withdraw(now_ns):
                break
            tries += 1
            sent_here += 1
        sent += sent_here
    bound = 1 + ratio + (config.cap + config.min_per_s * now_s) / calls
    assert sent / calls <= bound, f"seed {seed}"
    # The demand (two to five retries a call) is more than it pays for: all of it is spent, but for one retry.
    assert sent / calls == pytest.approx(bound, abs=2 / calls), f"seed {seed}"

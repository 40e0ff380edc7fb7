"""A run's limits divided over its processes."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.policy.config import (
    AdmissionConfig,
    BudgetConfig,
    ConcurrencyConfig,
    ConnectionsConfig,
    Policy,
    RateConfig,
)
from harness.policy.presets import preset
from harness.policy.split import share, split


@given(total=st.integers(0, 10_000), workers=st.integers(1, 200))
@settings(deadline=None)
def test_shares_add_up_and_differ_by_one_at_most(total: int, workers: int) -> None:
    shares = [share(total, index, workers) for index in range(workers)]
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1


@given(
    workers=st.integers(1, 24),
    limit=st.integers(24, 1000),
    connections=st.integers(24, 1000),
    keepalive=st.integers(0, 1000),
    waiting=st.none() | st.integers(0, 1000),
)
@settings(deadline=None)
def test_the_workers_limits_are_the_runs(
    workers: int, limit: int, connections: int, keepalive: int, waiting: int | None
) -> None:
    policy = Policy(
        concurrency=ConcurrencyConfig(limit=limit),
        connections=ConnectionsConfig(max=connections, keepalive=keepalive),
        admission=AdmissionConfig(max_waiting=waiting),
        budget=BudgetConfig(min_per_s=10, cap=240),
    )
    parts = [split(policy, index, workers) for index in range(workers)]
    assert sum(part.concurrency.limit for part in parts) == limit
    assert sum(part.connections.max for part in parts) == connections
    assert sum(part.connections.keepalive for part in parts) == keepalive
    if waiting is None:
        assert {part.admission.max_waiting for part in parts} == {None}
    else:
        assert sum(part.admission.max_waiting or 0 for part in parts) == waiting
    assert sum(part.budget.min_per_s for part in parts) == pytest.approx(10)
    assert sum(part.budget.cap for part in parts) == pytest.approx(240)
    assert {part.budget.ratio for part in parts} == {0.2}


@given(
    workers=st.integers(1, 24),
    bounds=st.lists(st.integers(24, 1000), min_size=3, max_size=3).map(sorted),
    rpm=st.none() | st.integers(24, 100_000),
    tpm=st.none() | st.integers(24, 10_000_000),
)
@settings(deadline=None)
def test_the_workers_bounds_and_rates_are_the_runs(
    workers: int, bounds: list[int], rpm: int | None, tpm: int | None
) -> None:
    least, initial, most = bounds
    policy = Policy(
        concurrency=ConcurrencyConfig(kind="aimd", min=least, initial=initial, max=most),
        rate=RateConfig(rpm=rpm, tpm=tpm),
    )
    parts = [split(policy, index, workers) for index in range(workers)]
    assert sum(part.concurrency.min for part in parts) == least
    assert sum(part.concurrency.initial for part in parts) == initial
    assert sum(part.concurrency.max for part in parts) == most
    for field, total in (("rpm", rpm), ("tpm", tpm)):
        shares = [getattr(part.rate, field) for part in parts]
        assert shares == [None] * workers if total is None else sum(shares) == total


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (Policy(concurrency=ConcurrencyConfig(kind="aimd", min=3)), "concurrency.min"),
        (Policy(concurrency=ConcurrencyConfig(kind="aimd", min=1, initial=3)), "concurrency.initial"),
        (Policy(concurrency=ConcurrencyConfig(kind="aimd", initial=3, max=3)), "concurrency.initial"),
        (Policy(rate=RateConfig(rpm=3)), "rate.rpm"),
        (Policy(rate=RateConfig(tpm=3)), "rate.tpm"),
    ],
)
def test_a_worker_that_would_get_none_is_refused(policy: Policy, field: str) -> None:
    with pytest.raises(ConfigError, match=rf"{field} = 3: expected at least one for each of 4 workers"):
        split(policy, 0, 4)
    split(policy, 0, 1)


def test_one_worker_keeps_the_policy() -> None:
    assert split(preset("tuned"), 0, 1) is preset("tuned")


def test_what_is_not_a_shared_limit_stays() -> None:
    policy = preset("tuned")
    part = split(policy, 1, 3)
    assert (part.retry, part.breaker, part.deadline_s) == (policy.retry, policy.breaker, policy.deadline_s)
    assert (part.fallback, part.rate) == (policy.fallback, policy.rate)


def test_the_longest_pause_is_each_worker_s_own() -> None:
    part = split(Policy(rate=RateConfig(rpm=300, max_pause_s=7)), 0, 3)
    assert part.rate == RateConfig(rpm=100, max_pause_s=7)


def test_too_few_permits_are_refused() -> None:
    policy = Policy(concurrency=ConcurrencyConfig(limit=3))
    with pytest.raises(
        ConfigError, match=r"concurrency\.limit = 3: expected at least one for each of 4 workers"
    ):
        split(policy, 0, 4)


def test_too_few_connections_are_refused() -> None:
    policy = Policy(connections=ConnectionsConfig(max=3))
    with pytest.raises(
        ConfigError, match=r"connections\.max = 3: expected at least one for each of 4 workers"
    ):
        split(policy, 0, 4)


def test_a_limit_that_is_off_never_stands_in_the_way() -> None:
    policy = replace(preset("tuned"), concurrency=ConcurrencyConfig(kind="off", limit=2))
    assert [split(policy, index, 4).concurrency.kind for index in range(4)] == ["off"] * 4

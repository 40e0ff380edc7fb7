"""Settings are checked when they are made; a message has the field, the value and what was expected."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import ConfigError
from harness.model import Outcome
from harness.policy.breaker import make_breaker
from harness.policy.budget import RetryBudget
from harness.policy.concurrency import make_limit
from harness.policy.config import (
    AdmissionConfig,
    BreakerConfig,
    BudgetConfig,
    ConcurrencyConfig,
    ConnectionsConfig,
    FallbackConfig,
    Policy,
    RateConfig,
    RetryConfig,
)
from harness.policy.rate import RateBucket
from harness.policy.retry import decide
from tests.harness.policy.attempts import attempt

Make = Callable[..., Any]

WRONG: list[tuple[Make, str, Any, str]] = [
    (Policy, "deadline_s", 0, "more than 0"),
    (Policy, "deadline_s", -1.5, "more than 0"),
    (Policy, "deadline_s", math.nan, "more than 0"),
    (Policy, "attempt_timeout_s", 0.0, "more than 0"),
    (Policy, "first_token_timeout_s", 0, "more than 0"),
    (Policy, "idle_timeout_s", -1, "more than 0"),
    (RetryConfig, "attempts", 0, "at least 1"),
    (RetryConfig, "base_s", -0.1, "at least 0"),
    (RetryConfig, "base_s", math.nan, "at least 0"),
    (RetryConfig, "throttle_base_s", -1, "at least 0"),
    (RetryConfig, "min_s", -1, "at least 0"),
    (RetryConfig, "cap_s", -2, "at least 0"),
    (BudgetConfig, "ratio", -0.2, "at least 0"),
    (BudgetConfig, "min_per_s", -10, "at least 0"),
    (BudgetConfig, "cap", 0.5, "at least 1"),
    (BreakerConfig, "window_s", 0, "more than 0"),
    (BreakerConfig, "min_calls", 0, "at least 1"),
    (BreakerConfig, "failure_ratio", 0, "a fraction, more than 0 and at most 1"),
    (BreakerConfig, "failure_ratio", 1.01, "a fraction, more than 0 and at most 1"),
    (BreakerConfig, "failure_ratio", math.nan, "a fraction, more than 0 and at most 1"),
    (BreakerConfig, "slow_call_s", 0, "more than 0"),
    (BreakerConfig, "slow_ratio", 0, "a fraction, more than 0 and at most 1"),
    (BreakerConfig, "slow_ratio", 1.5, "a fraction, more than 0 and at most 1"),
    (BreakerConfig, "open_s", 0, "more than 0"),
    (BreakerConfig, "open_s", math.inf, "a finite number"),
    (BreakerConfig, "max_open_s", 4.9, "at least 5"),
    (BreakerConfig, "probes", 0, "at least 1"),
    (BreakerConfig, "threshold", 0, "at least 1"),
    (ConcurrencyConfig, "limit", 0, "at least 1"),
    (ConcurrencyConfig, "min", 0, "at least 1"),
    (ConcurrencyConfig, "max", 0, "at least 1"),
    (ConcurrencyConfig, "initial", 201, "from min 1 to max 200"),
    (ConcurrencyConfig, "initial", 0, "from min 1 to max 200"),
    (ConcurrencyConfig, "decrease", 0, "a factor between 0 and 1"),
    (ConcurrencyConfig, "decrease", 1, "a factor between 0 and 1"),
    (ConcurrencyConfig, "decrease", math.nan, "a factor between 0 and 1"),
    (RateConfig, "rpm", 0, "at least 1"),
    (RateConfig, "tpm", -1, "at least 1"),
    (RateConfig, "burst_s", 0, "more than 0"),
    (RateConfig, "burst_s", math.inf, "a finite number"),
    (FallbackConfig, "model", " ", "the name of a model"),
    (FallbackConfig, "reserve_s", -1, "at least 0"),
    (AdmissionConfig, "max_waiting", -1, "at least 0"),
    (ConnectionsConfig, "keepalive", -1, "at least 0"),
    (ConnectionsConfig, "max", 0, "at least 1"),
    (ConnectionsConfig, "connect_timeout_s", 0, "more than 0"),
    (ConnectionsConfig, "read_timeout_s", -30, "more than 0"),
]

SECTION = {
    Policy: "",
    RetryConfig: "retry.",
    BudgetConfig: "budget.",
    BreakerConfig: "breaker.",
    RateConfig: "rate.",
    ConcurrencyConfig: "concurrency.",
    FallbackConfig: "fallback.",
    AdmissionConfig: "admission.",
    ConnectionsConfig: "connections.",
}


@pytest.mark.parametrize(("make", "field", "value", "what"), WRONG)
def test_a_wrong_value_is_named_with_what_was_expected(make: Make, field: str, value: Any, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(**{field: value})
    assert str(caught.value) == f"{SECTION[make]}{field} = {value!r}: expected {what}"


@pytest.mark.parametrize(
    ("make", "field", "value"),
    [
        (Policy, "deadline_s", None),
        (Policy, "attempt_timeout_s", None),
        (Policy, "first_token_timeout_s", None),
        (Policy, "idle_timeout_s", None),
        (RateConfig, "rpm", 1),
        (RateConfig, "tpm", None),
        (FallbackConfig, "model", None),
        (BreakerConfig, "slow_call_s", None),
        (BreakerConfig, "slow_ratio", 1),
        (BreakerConfig, "max_open_s", 5),
        (ConcurrencyConfig, "initial", 1),
        (ConcurrencyConfig, "initial", 200),
        (RetryConfig, "attempts", 1),
        (RetryConfig, "base_s", 0),
        (BudgetConfig, "ratio", 0),
        (BudgetConfig, "cap", 1),
        (BreakerConfig, "failure_ratio", 1),
        (ConcurrencyConfig, "limit", 1),
        (AdmissionConfig, "max_waiting", None),
        (AdmissionConfig, "max_waiting", 0),
        (ConnectionsConfig, "keepalive", 0),
    ],
)
def test_the_ends_of_each_range_are_allowed(make: Make, field: str, value: Any) -> None:
    assert getattr(make(**{field: value}), field) == value


def test_the_cap_of_the_wait_is_not_under_its_least() -> None:
    with pytest.raises(ConfigError, match=r"retry\.cap_s = 1: expected at least 2"):
        RetryConfig(min_s=2, cap_s=1)


def test_an_opening_is_not_longer_than_the_longest() -> None:
    with pytest.raises(ConfigError, match=r"breaker\.max_open_s = 30: expected at least 40"):
        BreakerConfig(open_s=40, max_open_s=30)
    assert BreakerConfig(kind="counter", open_s=40, max_open_s=30).open_s == 40  # it has one length only


def test_the_most_permits_are_not_under_the_least() -> None:
    with pytest.raises(ConfigError, match=r"concurrency\.max = 5: expected at least 10"):
        ConcurrencyConfig(min=10, max=5)


def test_the_fallback_s_share_leaves_something_of_the_deadline() -> None:
    with pytest.raises(
        ConfigError, match=r"fallback\.reserve_s = 10: expected less than the deadline of 10 s"
    ):
        Policy(deadline_s=10, fallback=FallbackConfig(model="gpt-4.1-mini", reserve_s=10))
    assert Policy(deadline_s=None, fallback=FallbackConfig(reserve_s=10)).fallback.reserve_s == 10


@pytest.mark.parametrize(
    ("make", "field", "selector", "near"),
    [
        (RetryConfig, "retry.on", "throtled", "did you mean 'throttled'?"),
        (RetryConfig, "retry.on", "ok", "expected some of throttled"),
        (RetryConfig, "retry.on", "rejected", "expected some of throttled"),
        (RetryConfig, "retry.on", "cancelled", "expected some of throttled"),
        (BreakerConfig, "breaker.counts", "transient.conect", "unknown outcome 'transient.conect'"),
        (BreakerConfig, "breaker.counts", "transient.", "unknown outcome 'transient.'"),
        (BreakerConfig, "breaker.counts", "Timeout", "did you mean 'timeout'?"),
        (BreakerConfig, "breaker.counts", "", "unknown outcome ''"),
        (ConcurrencyConfig, "concurrency.decrease_on", "timeuot", "did you mean 'timeout'?"),
    ],
)
def test_an_unknown_selector_is_refused(make: Make, field: str, selector: str, near: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(**{field.split(".")[1]: (selector,)})
    assert field in str(caught.value)
    assert near in str(caught.value)


def test_a_selector_may_name_a_fault() -> None:
    assert RetryConfig(on=("transient.connect", "timeout.read_timeout")).on[0] == "transient.connect"


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (RetryConfig, "jitter"),
        (BudgetConfig, "kind"),
        (BreakerConfig, "kind"),
        (ConcurrencyConfig, "kind"),
        (ConnectionsConfig, "pool"),
    ],
)
def test_a_misspelt_choice_is_refused_rather_than_taken_for_another(make: Make, field: str) -> None:
    with pytest.raises(ConfigError, match=rf"{SECTION[make]}{field} = 'of'"):
        make(**{field: "of"})


@pytest.mark.parametrize(
    ("make", "section", "field"),
    [
        (RetryConfig, "retry", "base_s"),
        (RetryConfig, "retry", "throttle_base_s"),
        (RetryConfig, "retry", "cap_s"),
        (BudgetConfig, "budget", "cap"),
        (BudgetConfig, "budget", "min_per_s"),
        (BreakerConfig, "breaker", "window_s"),
        (BreakerConfig, "breaker", "open_s"),
        (BreakerConfig, "breaker", "max_open_s"),
        (BreakerConfig, "breaker", "slow_call_s"),
        (RateConfig, "rate", "burst_s"),
        (FallbackConfig, "fallback", "reserve_s"),
    ],
)
def test_infinity_is_refused_or_works(make: Make, section: str, field: str) -> None:
    # TOML can say `inf`.
    try:
        policy = Policy(**{section: make(**{field: math.inf})})
    except ConfigError as error:
        assert f"{section}.{field} = inf" in str(error)  # noqa: PT017
        return
    make_breaker(policy.breaker, lambda: 0.5)
    make_limit(policy.concurrency)
    RateBucket(policy.rate).take(1, 1)
    RetryBudget(policy.budget).deposit(1)
    decide(policy.retry, attempt(Outcome.TRANSIENT), tries=1, uniform=0.5, left_s=None)

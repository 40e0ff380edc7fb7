"""Settings are checked when they are made; a message has the field, the value and what was expected."""

import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from harness.errors import ConfigError
from harness.pipeline.pipeline import Pipeline
from harness.policy.config import (
    AdmissionConfig,
    BreakerConfig,
    BudgetConfig,
    ConcurrencyConfig,
    ConnectionsConfig,
    Policy,
    RetryConfig,
)

Make = Callable[..., Any]

WRONG: list[tuple[Make, str, Any, str]] = [
    (Policy, "deadline_s", 0, "more than 0"),
    (Policy, "deadline_s", -1.5, "more than 0"),
    (Policy, "deadline_s", math.nan, "more than 0"),
    (Policy, "attempt_timeout_s", 0.0, "more than 0"),
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
    (BreakerConfig, "open_s", 0, "more than 0"),
    (BreakerConfig, "probes", 0, "at least 1"),
    (BreakerConfig, "threshold", 0, "at least 1"),
    (ConcurrencyConfig, "limit", 0, "at least 1"),
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
    ConcurrencyConfig: "concurrency.",
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
    ],
)
def test_infinity_is_refused_or_works(make: Make, section: str, field: str) -> None:
    # TOML can say `inf`.
    try:
        policy = Policy(**{section: make(**{field: math.inf})})
    except ConfigError as error:
        assert f"{section}.{field} = inf" in str(error)  # noqa: PT017
        return
    Pipeline(policy, rng=Random(1), now_ns=lambda: 0, emit=lambda _: None)

"""Settings are checked when they are made; a message has the field, the value and what was expected."""

import math
from collections.abc import Callable
from dataclasses import fields
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
    (RateConfig, "max_pause_s", 0, "more than 0"),
    (RateConfig, "max_pause_s", -1, "more than 0"),
    (RateConfig, "max_pause_s", math.inf, "a finite number"),
    (RateConfig, "max_pause_s", math.nan, "more than 0"),
    (Policy, "deadline_s", 10**400, "a finite number"),  # no float holds it
    (RateConfig, "rpm", 10**400, "a finite number"),
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
        (BreakerConfig, "breaker.counts", "ok.status", "unknown outcome 'ok.status'"),
        (BreakerConfig, "breaker.counts", "transient.conect", "did you mean 'transient.connect'?"),
        (BreakerConfig, "breaker.counts", "transient.", "no attempt ends as 'transient.'"),
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
    ("selector", "possible"),
    [
        ("throttled.quota", "throttled, throttled.status, throttled.stream, throttled.body"),
        ("malformed.stream", "malformed, malformed.body"),
        ("local.connect", "local, local.pool"),
        ("deadline.read", "deadline"),
        ("fatal.connect", "fatal, fatal.status, fatal.stream, fatal.body, fatal.quota"),
    ],
)
def test_a_fault_that_never_comes_with_the_outcome_is_refused(selector: str, possible: str) -> None:
    with pytest.raises(ConfigError) as caught:
        BreakerConfig(counts=("timeout", selector))
    said = str(caught.value)
    assert said.startswith(f"breaker.counts: no attempt ends as {selector!r}"), said
    assert said.endswith(f": expected {possible}"), said


@pytest.mark.parametrize(
    "selector", ["partial", "partial.read", "deadline", "deadline.read", "timeout.idle_timeout"]
)
def test_what_is_never_retried_cannot_be_listed(selector: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RetryConfig(on=("throttled", selector))
    assert str(caught.value) == (
        f"retry.on: {selector!r} is never retried: expected some of throttled, overloaded, transient,"
        " timeout, malformed, local, fatal"
    )
    if selector != "deadline.read":
        assert BreakerConfig(counts=(selector,)).counts == (selector,)


@pytest.mark.parametrize(
    ("make", "field", "value", "what"),
    [
        (RetryConfig, "attempts", "3", "a whole number"),
        (RetryConfig, "attempts", 2.5, "a whole number"),
        (RetryConfig, "attempts", 2.0, "a whole number"),
        (RetryConfig, "attempts", None, "a whole number"),
        (RetryConfig, "attempts", True, "a whole number"),
        (RetryConfig, "base_s", True, "a number"),
        (RetryConfig, "base_s", "1", "a number"),
        (RetryConfig, "base_s", None, "a number"),
        (RetryConfig, "on", "throttled", "a tuple of strings"),
        (RetryConfig, "on", ["throttled"], "a tuple of strings"),
        (RetryConfig, "on", ("throttled", 3), "a tuple of strings"),
        (RetryConfig, "on", None, "a tuple of strings"),
        (RetryConfig, "hints", "yes", "true or false"),
        (RetryConfig, "hints", 1, "true or false"),
        (RetryConfig, "jitter", None, "one of 'full', 'none'"),
        (RetryConfig, "jitter", ["full"], "one of 'full', 'none'"),
        (BreakerConfig, "slow_call_s", "8", "a number, or None"),
        (BreakerConfig, "recheck", 0, "true or false"),
        (RateConfig, "rpm", 1.5, "a whole number, or None"),
        (RateConfig, "rpm", True, "a whole number, or None"),
        (FallbackConfig, "model", 3, "a string, or None"),
        (FallbackConfig, "model", True, "a string, or None"),
        (Policy, "deadline_s", "30", "a number, or None"),
        (Policy, "deadline_s", True, "a number, or None"),
        (Policy, "name", None, "a string"),
        (Policy, "retry", {"attempts": 3}, "an instance of RetryConfig"),
        (Policy, "retry", None, "an instance of RetryConfig"),
        (Policy, "breaker", RetryConfig(), "an instance of BreakerConfig"),
    ],
)
def test_a_value_of_another_type_is_named_with_what_was_expected(
    make: Make, field: str, value: Any, what: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        make(**{field: value})
    assert str(caught.value) == f"{SECTION[make]}{field} = {value!r}: expected {what}"


@pytest.mark.parametrize("make", list(SECTION))
@pytest.mark.parametrize(
    "value", [None, True, 0, 2.5, "soon", b"a", (), (1,), ["a"], {"a": 1}, object(), int]
)
def test_no_value_of_any_type_is_a_traceback(make: Make, value: Any) -> None:
    for one in fields(make):  # type: ignore[arg-type]
        try:
            kept = getattr(make(**{one.name: value}), one.name)
        except ConfigError as error:
            assert str(error).startswith(f"{SECTION[make]}{one.name}")  # noqa: PT017
        else:
            assert kept is value


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

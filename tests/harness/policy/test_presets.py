"""The presets, value by value: a change of one is a change of what every report compares."""

import pytest

from harness.errors import ConfigError
from harness.policy.parse import values
from harness.policy.presets import PRESETS, preset

RETRYABLE = ("throttled", "overloaded", "transient", "timeout", "malformed")
FAILURES = ("overloaded", "transient", "timeout", "malformed")
NO_RATE = {"rpm": None, "tpm": None, "burst_s": 60, "sync": False, "pause": False, "max_pause_s": 60}
ARTICLE_FAILURES = ("timeout", "throttled", "fatal.quota", "local", "transient.connect")


def test_there_are_three() -> None:
    assert list(PRESETS) == ["naive", "article", "tuned"]
    assert [policy.name for policy in PRESETS.values()] == list(PRESETS)


def test_naive_is_the_articles_first_code() -> None:
    # requests.post(..., timeout=30): no retry, no limit, a connection a request, nothing remembered.
    policy = preset("naive")
    assert (policy.deadline_s, policy.attempt_timeout_s) == (None, None)
    assert policy.retry.attempts == 1
    assert (policy.budget.kind, policy.breaker.kind, policy.concurrency.kind) == ("off", "off", "off")
    assert (policy.first_token_timeout_s, policy.idle_timeout_s, policy.fallback.model) == (None, None, None)
    assert values(policy)["rate"] == NO_RATE
    assert policy.admission.max_waiting is None
    assert values(policy)["connections"] == {
        "keepalive": 0,
        "max": 10_000,
        "connect_timeout_s": 30,
        "read_timeout_s": 30,
        "reuse": False,
        "pool": "httpx",
    }


def test_article_is_the_articles_client() -> None:
    policy = preset("article")
    assert (policy.deadline_s, policy.attempt_timeout_s) == (None, None)
    # stop_after_attempt(3), wait_exponential(multiplier=1, min=2, max=10), no reading of Retry-After.
    assert values(policy)["retry"] == {
        "attempts": 3,
        "on": ARTICLE_FAILURES,
        "base_s": 1,
        "throttle_base_s": 1,
        "min_s": 2,
        "cap_s": 10,
        "jitter": "none",
        "hints": False,
    }
    assert policy.budget.kind == "off"
    # Ten failures open it for a minute; it is asked before the semaphore only.
    assert (policy.breaker.kind, policy.breaker.threshold, policy.breaker.open_s) == ("counter", 10, 60)
    assert policy.breaker.counts == ARTICLE_FAILURES
    assert (policy.breaker.recheck, policy.breaker.ramp) == (False, False)
    # Its read timeout alone bounds a silence; it knows no rate and no other model.
    assert (policy.first_token_timeout_s, policy.idle_timeout_s, policy.fallback.model) == (None, None, None)
    assert values(policy)["rate"] == NO_RATE
    assert (policy.concurrency.kind, policy.concurrency.limit) == ("static", 100)
    assert policy.admission.max_waiting is None
    # Its httpx timeout is 60 s and 10 s to connect; its limits are 50 kept alive and 200 in all.
    assert values(policy)["connections"] == {
        "keepalive": 50,
        "max": 200,
        "connect_timeout_s": 10,
        "read_timeout_s": 60,
        "reuse": True,
        "pool": "httpx",
    }


def test_tuned_is_pinned() -> None:
    assert values(preset("tuned")) == {
        "name": "tuned",
        "deadline_s": 24.9,
        "attempt_timeout_s": 18,
        "first_token_timeout_s": 15,
        "idle_timeout_s": 15,
        "retry": {
            "attempts": 8,
            "on": RETRYABLE,
            "base_s": 0.778,
            "throttle_base_s": 1.43,
            "min_s": 0,
            "cap_s": 5.24,
            "jitter": "full",
            "hints": True,
        },
        "budget": {"kind": "bucket", "ratio": 0.0744, "min_per_s": 10, "cap": 100},
        "breaker": {
            "kind": "ratio",
            "counts": FAILURES,
            "recheck": True,
            "window_s": 10,
            "min_calls": 20,
            "failure_ratio": 0.463,
            "slow_call_s": None,
            "slow_ratio": 0.8,
            "open_s": 6.53,
            "max_open_s": 30,
            "probes": 5,
            "ramp": True,
            "threshold": 10,
        },
        "rate": {"rpm": None, "tpm": None, "burst_s": 60, "sync": True, "pause": True, "max_pause_s": 60},
        "concurrency": {
            "kind": "aimd",
            "limit": 100,
            "initial": 138,
            "min": 59,
            "max": 171,
            "decrease": 0.876,
            "decrease_on": ("throttled", "overloaded", "timeout"),
        },
        "admission": {"max_waiting": 90},
        "fallback": {"model": None, "reserve_s": 0},
        "connections": {
            "keepalive": 100,
            "max": 400,
            "connect_timeout_s": 5,
            "read_timeout_s": 25,
            "reuse": True,
            "pool": "aiohttp",
        },
    }


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown policy preset 'artikel', did you mean 'article'\?"):
        preset("artikel")

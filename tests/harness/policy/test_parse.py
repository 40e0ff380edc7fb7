"""Policies from TOML tables: strict, and helpful about it."""

import tomllib
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import ConfigError
from harness.policy.config import ConcurrencyConfig, FallbackConfig, RateConfig
from harness.policy.parse import parse, values
from harness.policy.presets import PRESETS, preset


def _fails(toml: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(tomllib.loads(toml), "mine")
    return str(caught.value)


def test_an_empty_table_is_the_tuned_preset_under_its_own_name() -> None:
    assert parse({}, "mine") == replace(preset("tuned"), name="mine")


def test_a_preset_with_overrides() -> None:
    policy = parse(
        tomllib.loads(
            """
            preset = "article"
            deadline_s = 60
            [retry]
            attempts = 2
            on = ["throttled", "transient.connect"]
            hints = true
            [breaker]
            kind = "ratio"
            [concurrency]
            limit = 50
            """
        ),
        "mine",
    )
    article = preset("article")
    assert policy == replace(
        article,
        name="mine",
        deadline_s=60.0,
        retry=replace(article.retry, attempts=2, on=("throttled", "transient.connect"), hints=True),
        breaker=replace(article.breaker, kind="ratio"),
        concurrency=replace(article.concurrency, limit=50),
    )


def test_a_whole_number_serves_as_a_float() -> None:
    policy = parse({"deadline_s": 60, "retry": {"base_s": 1}}, "mine")
    assert (policy.deadline_s, policy.retry.base_s) == (60.0, 1.0)
    assert type(policy.deadline_s) is type(policy.retry.base_s) is float


def test_off_takes_a_bound_away() -> None:
    policy = parse(
        {"deadline_s": "off", "attempt_timeout_s": "off", "admission": {"max_waiting": "off"}}, "mine"
    )
    assert (policy.deadline_s, policy.attempt_timeout_s, policy.admission.max_waiting) == (None, None, None)


def test_off_takes_every_optional_bound_away() -> None:
    policy = parse(
        tomllib.loads(
            """
            first_token_timeout_s = "off"
            idle_timeout_s = "off"
            [breaker]
            slow_call_s = "off"
            [rate]
            rpm = "off"
            tpm = "off"
            [fallback]
            model = "off"
            """
        ),
        "mine",
    )
    assert (policy.first_token_timeout_s, policy.idle_timeout_s) == (None, None)
    assert (policy.breaker.slow_call_s, policy.fallback.model) == (None, None)
    assert (policy.rate.rpm, policy.rate.tpm) == (None, None)


def test_every_section_is_read() -> None:
    policy = parse(
        tomllib.loads(
            """
            first_token_timeout_s = 3
            idle_timeout_s = 4.5
            [breaker]
            slow_call_s = 8
            slow_ratio = 0.5
            open_s = 2
            max_open_s = 20
            ramp = false
            [concurrency]
            kind = "aimd"
            initial = 30
            min = 4
            max = 90
            decrease = 0.6
            decrease_on = ["throttled", "timeout.first_token_timeout"]
            [rate]
            rpm = 500
            tpm = 200_000
            burst_s = 10
            sync = false
            pause = false
            [fallback]
            model = "gpt-4.1-mini"
            reserve_s = 12
            """
        ),
        "mine",
    )
    tuned = preset("tuned")
    assert policy == replace(
        tuned,
        name="mine",
        first_token_timeout_s=3.0,
        idle_timeout_s=4.5,
        breaker=replace(
            tuned.breaker, slow_call_s=8.0, slow_ratio=0.5, open_s=2.0, max_open_s=20.0, ramp=False
        ),
        concurrency=ConcurrencyConfig(
            kind="aimd",
            initial=30,
            min=4,
            max=90,
            decrease=0.6,
            decrease_on=("throttled", "timeout.first_token_timeout"),
        ),
        rate=RateConfig(rpm=500, tpm=200_000, burst_s=10.0, sync=False, pause=False),
        fallback=FallbackConfig(model="gpt-4.1-mini", reserve_s=12.0),
    )


def test_a_limit_without_a_kind_means_a_static_one() -> None:
    # Over the preset's aimd it would say nothing.
    assert preset("tuned").concurrency.kind == "aimd"
    alone = parse({"concurrency": {"limit": 50}}, "mine").concurrency
    assert (alone.kind, alone.limit) == ("static", 50)
    both = parse({"concurrency": {"kind": "aimd", "limit": 50}}, "mine").concurrency
    assert (both.kind, both.max) == ("aimd", 100)
    assert parse({"preset": "naive", "concurrency": {"limit": 50}}, "mine").concurrency.kind == "static"
    assert parse({"concurrency": {"min": 10}}, "mine").concurrency.kind == "aimd"


@pytest.mark.parametrize(
    ("toml", "parts"),
    [
        (
            "deadlin_s = 3",
            ["unknown key 'deadlin_s'", "did you mean 'deadline_s'?", "the top level has deadline_s"],
        ),
        (
            "[retry]\natempts = 3",
            ["unknown key 'retry.atempts'", "did you mean 'attempts'?", "[retry] has attempts"],
        ),
        ("[retries]\nattempts = 3", ["unknown key 'retries'", "did you mean 'retry'?"]),
        ("[concurrency]\nzzz = 3", ["unknown key 'concurrency.zzz'", "[concurrency] has kind, limit"]),
        (
            "[rate]\nrmp = 3",
            ["unknown key 'rate.rmp'", "did you mean 'rpm'?", "[rate] has rpm, tpm, burst_s"],
        ),
        ("[fallbck]\nmodel = 'x'", ["unknown key 'fallbck'", "did you mean 'fallback'?"]),
    ],
)
def test_an_unknown_key_names_the_nearest(toml: str, parts: list[str]) -> None:
    message = _fails(toml)
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('deadline_s = "soon"', "deadline_s = 'soon': expected a number, or \"off\""),
        ("deadline_s = true", 'deadline_s = True: expected a number, or "off"'),
        ("[retry]\nattempts = 2.5", "retry.attempts = 2.5: expected a whole number"),
        ("[retry]\nattempts = true", "retry.attempts = True: expected a whole number"),
        ("[retry]\nbase_s = false", "retry.base_s = False: expected a number"),
        ('[retry]\nbase_s = "off"', "retry.base_s = 'off': expected a number"),
        ("[retry]\nhints = 1", "retry.hints = 1: expected true or false"),
        ('[retry]\non = "throttled"', "retry.on = 'throttled': expected a list of strings"),
        ("[retry]\non = [1]", "retry.on = [1]: expected a list of strings"),
        ('[retry]\njitter = "some"', "retry.jitter = 'some': expected one of 'full', 'none'"),
        ('[breaker]\nkind = "rato"', "breaker.kind = 'rato': expected one of 'ratio', 'counter', 'off'"),
        ("[admission]\nmax_waiting = 1.5", 'admission.max_waiting = 1.5: expected a whole number, or "off"'),
        ("retry = 3", "retry = 3: expected a section [retry]"),
        ("concurrency = 3", "concurrency = 3: expected a section [concurrency]"),
        ("[rate]\nrpm = 1.5", 'rate.rpm = 1.5: expected a whole number, or "off"'),
        ("[rate]\nrpm = 0", "rate.rpm = 0: expected at least 1"),
        ("[rate]\nsync = 1", "rate.sync = 1: expected true or false"),
        ("[fallback]\nmodel = 3", 'fallback.model = 3: expected a string, or "off"'),
        (
            '[concurrency]\nkind = "amid"',
            "concurrency.kind = 'amid': expected one of 'static', 'aimd', 'off'",
        ),
        ("[concurrency]\nmax = 50", "concurrency.initial = 100: expected from min 20 to max 50"),
        ("[breaker]\nopen_s = 40", "breaker.max_open_s = 30: expected at least 40"),
        ("preset = 3", "preset = 3: expected the name of a preset"),
        ("[retry]\nattempts = 0", "retry.attempts = 0: expected at least 1"),
        ("[retry]\nmin_s = 20", "retry.cap_s = 8: expected at least 20"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(toml: str, message: str) -> None:
    assert _fails(toml) == message


def test_a_name_inside_the_file_is_refused() -> None:
    assert "named after its file" in _fails('name = "other"')


def test_an_unknown_preset_names_the_nearest() -> None:
    message = _fails('preset = "tunned"')
    assert "unknown policy preset 'tunned'" in message
    assert "did you mean 'tuned'?" in message
    assert "naive, article, tuned" in message


@pytest.mark.parametrize("name", list(PRESETS))
def test_the_values_of_a_policy_describe_it_again(name: str) -> None:
    table = _toml_like(values(preset(name)))
    del table["name"]
    # What a preset leaves out (None) is "off" in a file.
    assert parse({"preset": "tuned", **table}, name) == preset(name)


def _toml_like(value: Any) -> Any:
    match value:
        case None:
            return "off"
        case dict():
            return {key: _toml_like(inner) for key, inner in value.items()}
        case tuple():
            return list(value)
    return value

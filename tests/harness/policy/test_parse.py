"""Policies from TOML tables: strict, and helpful about it."""

import tomllib
from dataclasses import fields, replace
from itertools import chain
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from harness.errors import ConfigError
from harness.policy.config import ConcurrencyConfig, FallbackConfig, Policy, RateConfig
from harness.policy.parse import NEEDS, READS, parse, restored, values
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
            max_pause_s = 20
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
        rate=RateConfig(rpm=500, tpm=200_000, burst_s=10.0, sync=False, max_pause_s=20.0),
        fallback=FallbackConfig(model="gpt-4.1-mini", reserve_s=12.0),
    )


def test_a_limit_without_a_kind_means_a_static_one() -> None:
    # Over the preset's aimd it would say nothing.
    assert preset("tuned").concurrency.kind == "aimd"
    alone = parse({"concurrency": {"limit": 50}}, "mine").concurrency
    assert (alone.kind, alone.limit) == ("static", 50)
    assert parse({"preset": "naive", "concurrency": {"limit": 50}}, "mine").concurrency.kind == "static"
    assert parse({"concurrency": {"min": 10}}, "mine").concurrency.kind == "aimd"


@pytest.mark.parametrize("section", list(READS))
def test_every_key_of_a_section_with_kinds_is_read_by_one(section: str) -> None:
    kind = get_type_hints(Policy)[section]
    assert set(READS[section]) == set(get_args(get_type_hints(kind)["kind"]))
    assert {"kind", *chain(*READS[section].values())} == {f.name for f in fields(kind)}


@pytest.mark.parametrize(
    ("section", "kind", "key"),
    [
        (section, kind, key)
        for section, kinds in READS.items()
        for kind in kinds
        for key in chain(*kinds.values())
    ],
)
def test_a_key_is_taken_or_refused_by_each_kind(section: str, kind: str, key: str) -> None:
    value = _toml_like(values(preset("tuned"))[section][key])
    needed = {"slow_call_s": 8.0} if key == "slow_ratio" and kind == "ratio" else {}
    table = {section: {"kind": kind, key: value, **needed}}
    if key in READS[section][kind]:
        assert _toml_like(values(parse(table, "mine"))[section][key]) == value
        return
    with pytest.raises(ConfigError, match=rf"^{section}\.{key}: .* of kind '{kind}' does not read it"):
        parse(table, "mine")


@pytest.mark.parametrize(
    ("toml", "path", "section", "kind", "readers"),
    [
        ('[breaker]\nkind = "counter"\nprobes = 5', "breaker.probes", "breaker", "counter", '"ratio"'),
        ('[breaker]\nkind = "off"\nopen_s = 5', "breaker.open_s", "breaker", "off", '"ratio" or "counter"'),
        # The kind is the preset's.
        ('preset = "article"\n[breaker]\nramp = true', "breaker.ramp", "breaker", "counter", '"ratio"'),
        ('preset = "naive"\n[budget]\nratio = 0.1', "budget.ratio", "budget", "off", '"bucket"'),
        (
            'preset = "article"\n[concurrency]\ninitial = 5',
            "concurrency.initial",
            "concurrency limit",
            "static",
            '"aimd"',
        ),
        (
            '[concurrency]\nkind = "aimd"\nlimit = 50',
            "concurrency.limit",
            "concurrency limit",
            "aimd",
            '"static"',
        ),
        # `limit` makes it static.
        ("[concurrency]\nlimit = 50\nmin = 5", "concurrency.min", "concurrency limit", "static", '"aimd"'),
        # It comes before what does not fit together.
        (
            '[concurrency]\nkind = "static"\nmax = 5',
            "concurrency.max",
            "concurrency limit",
            "static",
            '"aimd"',
        ),
    ],
)
def test_a_key_that_the_kind_does_not_read_is_refused(
    toml: str, path: str, section: str, kind: str, readers: str
) -> None:
    assert _fails(toml) == f"{path}: a {section} of kind {kind!r} does not read it; expected kind = {readers}"


@pytest.mark.parametrize(
    ("toml", "path", "needed"),
    [
        ("[breaker]\nslow_ratio = 0.5", "breaker.slow_ratio", "slow_call_s"),
        (
            '[breaker]\nslow_ratio = 0.5\nslow_call_s = "off"',
            "breaker.slow_ratio",
            "slow_call_s",
        ),
        ("[rate]\npause = false\nmax_pause_s = 5", "rate.max_pause_s", "pause"),
        ('preset = "article"\n[rate]\nmax_pause_s = 5', "rate.max_pause_s", "pause"),
    ],
)
def test_a_key_that_another_one_leaves_unread_is_refused(toml: str, path: str, needed: str) -> None:
    said = f"{path}: nothing reads it while {needed} is off; expected {needed} to be set, too"
    assert _fails(toml) == said


def test_a_kind_alone_is_enough() -> None:
    for section, kinds in READS.items():
        for kind in kinds:
            assert values(parse({section: {"kind": kind}}, "mine"))[section]["kind"] == kind


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
        ("[rate]\nmax_pause_s = 0", "rate.max_pause_s = 0.0: expected more than 0"),
        ('[rate]\nmax_pause_s = "off"', "rate.max_pause_s = 'off': expected a number"),
        (f"deadline_s = 1{'0' * 400}", f"deadline_s = 1{'0' * 400}: expected a finite number"),
        ("[rate]\nsync = 1", "rate.sync = 1: expected true or false"),
        ("[fallback]\nmodel = 3", 'fallback.model = 3: expected a string, or "off"'),
        (
            '[concurrency]\nkind = "amid"',
            "concurrency.kind = 'amid': expected one of 'static', 'aimd', 'off'",
        ),
        ("[concurrency]\nmax = 100", "concurrency.initial = 138: expected from min 59 to max 100"),
        ("[breaker]\nopen_s = 40", "breaker.max_open_s = 30: expected at least 40"),
        ("preset = 3", "preset = 3: expected the name of a preset"),
        ("[retry]\nattempts = 0", "retry.attempts = 0: expected at least 1"),
        ("[retry]\nmin_s = 20", "retry.cap_s = 5.24: expected at least 20"),
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
    for section, kinds in READS.items():
        reads = ("kind", *kinds[table[section]["kind"]])
        table[section] = {key: value for key, value in table[section].items() if key in reads}
    for path, needed in NEEDS.items():
        section, key = path.split(".")
        if table[section].get(needed, "off") in ("off", False):
            table[section].pop(key, None)
    # What a preset leaves out (None) is "off" in a file, what it does not read keeps another's value.
    again = values(parse({"preset": "tuned", **table}, name))
    for section, keys in table.items():
        if isinstance(keys, dict):
            assert {key: again[section][key] for key in keys} == {
                key: values(preset(name))[section][key] for key in keys
            }
        else:
            assert again[section] == values(preset(name))[section]


@pytest.mark.parametrize("name", PRESETS)
def test_values_that_travelled_are_the_policy_again(name: str) -> None:
    mine = parse({"preset": name, "deadline_s": 7}, "mine")
    assert restored(msgspec.json.decode(msgspec.json.encode(values(mine)))) == mine


def _toml_like(value: Any) -> Any:
    match value:
        case None:
            return "off"
        case dict():
            return {key: _toml_like(inner) for key, inner in value.items()}
        case tuple():
            return list(value)
    return value

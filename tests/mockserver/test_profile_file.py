"""Profiles: strict reading, clear errors, and a document that reads back as itself."""

import math
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.core.limits import limits_of
from mockserver.errors import ProfileError
from mockserver.keys import digest
from mockserver.profile import (
    CapacitySettings,
    CurvePoint,
    Evening,
    FrontSettings,
    InterToken,
    Length,
    Limits,
    ModelLimits,
    Profile,
    Ttft,
)
from mockserver.profile_document import as_document
from mockserver.profile_file import bundled_names, load_profile, parse_profile
from mockserver.rules import (
    COUNTS_EVENTS,
    ERROR_CODES,
    REFUSING,
    SPOILING,
    CallRange,
    ClockWindow,
    ConnectionAction,
    ConnectionRule,
    HeaderIs,
    RequestRule,
    RetryAfter,
    When,
)


def _rule(**keys: object) -> dict[str, object]:
    return {"request_faults": [{"action": "status", "status": 429} | keys]}


def _error(document: object) -> str:
    with pytest.raises(ProfileError) as caught:
        parse_profile(document)
    return str(caught.value)


def test_the_bundled_ones_are_these() -> None:
    assert bundled_names() == [
        "brownout",
        "calm",
        "flaky-network",
        "instant",
        "outage-and-recovery",
        "primetime",
        "rate-limited",
        "slow-drip",
    ]


@pytest.mark.parametrize("name", bundled_names())
def test_a_bundled_profile_loads_under_its_name_and_opens_with_a_comment(name: str) -> None:
    assert load_profile(name).name == name
    text = (resources.files("mockserver") / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# ")


def test_instant_has_no_latency_no_limit_and_no_fault() -> None:
    instant = load_profile("instant")
    assert (instant.ttft.median_ms, instant.inter_token.mean_ms) == (0, 0)
    assert (instant.limits, instant.capacity, instant.front) == (
        Limits(),
        CapacitySettings(),
        FrontSettings(),
    )
    assert not instant.connection_faults
    assert not instant.request_faults


def test_primetime_has_the_share_its_comment_promises() -> None:
    primetime = load_profile("primetime")
    peak = [point for point in primetime.capacity.background if point.minute == 20 * 60]
    assert int(primetime.capacity.slots * (1 - peak[0].fraction)) == 60


def test_an_empty_document_is_the_default_profile() -> None:
    assert parse_profile({}) == Profile("custom")


def test_a_misspelt_key_names_the_nearest() -> None:
    assert _error({"ttft": {"medianms": 5}}).startswith(
        "unknown key ttft.medianms (did you mean 'median_ms'?)"
    )
    assert "did you mean 'capacity'?" in _error({"capacty": {}})
    assert "did you mean 'window'?" in _error({"evening": {"windw": "19:30-20:30"}})
    assert "unknown key request_faults[1].prob" in _error(
        {"request_faults": [{"action": "hang"}, {"action": "hang", "prob": 1}]}
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "the document = []: expected a table"),
        ({"ttft": 3}, "ttft = 3: expected a table"),
        ({"ttft": {"sigma": "wide"}}, "ttft.sigma = 'wide': expected a number from 0 to 5"),
        ({"ttft": {"sigma": True}}, "ttft.sigma = True: expected a number from 0 to 5"),
        ({"ttft": {"sigma": float("nan")}}, "ttft.sigma = nan: expected a number from 0 to 5"),
        ({"ttft": {"median_ms": float("inf")}}, "ttft.median_ms = inf: expected a number from 0 to 3.6e+06"),
        ({"ttft": {"slow_share": 1.5}}, "ttft.slow_share = 1.5: expected a number from 0 to 1"),
        ({"limits": {"rpm": 1.5}}, "limits.rpm = 1.5: expected a whole number from 0 to 10000000000"),
        ({"limits": {"rpm": -1}}, "limits.rpm = -1: expected a whole number from 0 to 10000000000"),
        ({"limits": {"window_s": 0}}, "limits.window_s = 0: expected a number from 0.001 to 86400"),
        ({"front": {"burst": 0}}, "front.burst = 0: expected a whole number from 1 to 10000000"),
        ({"evening": {"window": "8pm"}}, "evening.window = '8pm': expected a window like \"19:30-20:30\""),
        ({"evening": {"window": "20:00-20:00"}}, "evening.window = '20:00-20:00': expected a window"),
        ({"evening": {"window": "19:30-24:30"}}, "evening.window = '19:30-24:30': expected a window"),
        ({"evening": {"duration_s": 0}}, "evening.duration_s = 0: expected a number from 0.001"),
        (
            {"capacity": {"abandon_when_client_gone": 1}},
            "capacity.abandon_when_client_gone = 1: expected true or",
        ),
        (
            {"capacity": {"background": [["20:00", 2]]}},
            "capacity.background[0] = ['20:00', 2]: expected a pair",
        ),
        ({"capacity": {"background": [["20:00"]]}}, "capacity.background[0] = ['20:00']: expected a pair"),
        ({"capacity": {"background": [["25:00", 0.5]]}}, "capacity.background[0] = '25:00': expected a time"),
        (
            {"capacity": {"background": [["20:00", 0.5], ["20:30", 0.5], ["20:10", 0.1]]}},
            "expected points in the order of the clock, within 24 hours",
        ),
        ({"capacity": {"background": [["20:00", 0.5], ["20:00", 0.6]]}}, "expected points in the order"),
        ({"request_faults": {}}, "request_faults = {}: expected an array of tables"),
        (
            {"request_faults": [{}]},
            'request_faults[0].action = None: expected "status", "refuse", "hang", "reset", "garbage"',
        ),
        (
            {"request_faults": [{"action": "status"}]},
            "request_faults[0].status is missing: expected one from 400",
        ),
        (
            {"request_faults": [{"action": "status", "status": 200}]},
            "request_faults[0].status = 200: expected",
        ),
        (
            {"request_faults": [{"action": "hang", "retry_after_s": 1}]},
            "request_faults[0].retry_after_s has no meaning with the action hang",
        ),
        (
            {"request_faults": [{"action": "hang", "after_events": 1}]},
            "request_faults[0].after_events has no meaning with the action hang",
        ),
        (
            {"request_faults": [{"action": "stall", "status": 500}]},
            "request_faults[0].status has no meaning with the action stall",
        ),
        (
            {"request_faults": [{"action": "stall", "after_events": -1}]},
            "request_faults[0].after_events = -1: expected a whole number from 0 to 100000",
        ),
        (
            {"request_faults": [{"action": "stall", "first": 0}]},
            "request_faults[0].first = 0: expected a whole number from 1 to 10000000",
        ),
        (
            {"request_faults": [{"action": "hang", "header": "x-tenant"}]},
            "request_faults[0].header = 'x-tenant': expected a header like \"x-tenant: gold\"",
        ),
        (
            {"request_faults": [{"action": "hang", "from_s": 5, "to_s": 5}]},
            "request_faults[0].to_s = 5.0: expected more than from_s (5)",
        ),
        (
            {"connection_faults": [{"action": "status"}]},
            'connection_faults[0].action = \'status\': expected "refuse", "hang" or "reset"',
        ),
        ({"name": ""}, "name = '': expected a printable text"),
        ({"request_faults": [{"action": "stal"}]}, "(did you mean 'stall'?)"),
        (_rule(call="9-3"), "request_faults[0].call = '9-3': expected a call id, or a range like"),
        (_rule(call=True), "request_faults[0].call = True: expected a call id"),
        (_rule(every=0), "request_faults[0].every = 0: expected a whole number from 1"),
        (_rule(code="oops"), "request_faults[0].code = 'oops': expected one of insufficient_quota"),
        (
            _rule(retry_after="soon", retry_after_s=1),
            "request_faults[0].retry_after stands beside retry_after_s",
        ),
        (
            _rule(retry_after="bald\n"),
            "request_faults[0].retry_after = 'bald\\n': expected a printable text",
        ),
        (_rule(retry_after_date=True), "request_faults[0].retry_after_date needs retry_after_s"),
        (
            {"ttft": {"median_ms": 700, "p95_ms": 600}},
            "ttft.p95_ms = 600.0: expected at least the median (700)",
        ),
        ({"ttft": {"p95_ms": 900, "sigma": 0.1}}, "ttft.p95_ms stands beside sigma: expected one of them"),
        (
            {"ttft": {"p95_ms": 900, "p99_ms": 990}},
            "ttft.p99_ms stands beside p95_ms: expected one percentile",
        ),
        ({"ttft": {"median_ms": 1, "p90_ms": 3_600_000}}, "no more than a sigma of 5 makes of the median"),
        ({"inter_token": {"p99_ms": 20}}, "inter_token.p99_ms needs median_ms beside it"),
        (
            {"inter_token": {"median_ms": 14, "sigma": 3}},
            "inter_token.median_ms and its spread make a mean of 1260",
        ),
        ({"name": "\ud800"}, "expected a printable text"),
        ({"limits": {"models": {"a\n": {}}}}, "expected printable names"),
        ({"capacity": {"queue": 5}}, "capacity.queue = 5: expected slots"),
        ({"capacity": {"overload_status": 418}}, "overload_status = 418: expected 429, 503 or 529"),
        ({"front": {"connections_per_s": 1e-7}}, "expected 0 for no limit, or at least 0.001"),
        (
            {"inter_token": {"median_ms": 10, "cv": 0.1}},
            "inter_token.cv stands beside median_ms: expected one law",
        ),
        (
            {"limits": {"models": {"gpt-4o": {"rmp": 5}}}},
            "unknown key limits.models.\"gpt-4o\".rmp (did you mean 'rpm'?)",
        ),
        ({"limits": {"models": {"gpt-4o": 5}}}, 'limits.models."gpt-4o" = 5: expected a table'),
    ],
)
def test_an_error_names_field_value_and_what_was_expected(document: object, message: str) -> None:
    assert message in _error(document)


def test_a_number_too_large_for_a_float_is_an_error_and_not_a_crash() -> None:
    assert "expected a number" in _error({"ttft": {"median_ms": 10**400}})


def test_a_median_and_a_percentile_are_a_lognormal() -> None:
    profile = parse_profile(
        {
            "ttft": {"median_ms": 700, "p95_ms": 1400, "slow_median_ms": 2000, "slow_p99_ms": 2000},
            "inter_token": {"median_ms": 12, "p90_ms": 18},
            "length": {"median_tokens": 100, "p99_tokens": 400},
        }
    )
    # z of 95 %: 1.644854, of 90 %: 1.281552, of 99 %: 2.326348.
    assert profile.ttft.sigma == pytest.approx(math.log(2) / 1.644854, rel=1e-6)
    assert profile.ttft.slow_sigma == 0
    assert profile.length == Length(100, pytest.approx(math.log(4) / 2.326348, rel=1e-6))
    sigma = math.log(1.5) / 1.281552
    assert profile.inter_token.mean_ms == pytest.approx(12 * math.exp(sigma**2 / 2), rel=1e-6)
    assert profile.inter_token.cv == pytest.approx(math.sqrt(math.exp(sigma**2) - 1), rel=1e-6)


def test_a_key_is_kept_as_a_digest_that_reads_back() -> None:
    profile = parse_profile(_rule(key="sk-secret"))
    document = as_document(profile)
    assert "sk-secret" not in repr(document)
    assert parse_profile(document) == profile
    assert profile.request_faults[0].key == digest("sk-secret")


def test_a_model_may_have_limits_of_its_own() -> None:
    document = {"limits": {"rpm": 10, "models": {"gpt-4o": {"rpm": 5}, "free": {"rpm": 0, "tpm": 7}}}}
    limits = parse_profile(document).limits
    assert limits.models == (ModelLimits("gpt-4o", rpm=5), ModelLimits("free", rpm=0, tpm=7))
    assert limits_of(limits, "gpt-4o")["requests"] == 5
    assert limits_of(limits, "free") == {"requests": 0, "tokens": 7, "input_tokens": 0, "output_tokens": 0}
    assert limits_of(limits, "other")["requests"] == 10


def test_a_curve_may_cross_midnight() -> None:
    profile = parse_profile({"capacity": {"background": [["23:00", 0.1], ["00:30", 0.2], ["06:00", 0]]}})
    assert [point.minute for point in profile.capacity.background] == [1380, 30, 360]


def test_rules_without_a_name_are_called_after_what_they_do() -> None:
    profile = parse_profile(
        {
            "request_faults": [{"action": "status", "status": 429}, {"action": "hang"}],
            "connection_faults": [{"action": "reset"}],
        }
    )
    assert [rule.name for rule in profile.request_faults] == ["status_429", "hang"]
    assert [rule.name for rule in profile.connection_faults] == ["connection_reset"]


def test_an_unknown_name_is_answered_with_the_nearest_and_all() -> None:
    with pytest.raises(
        ProfileError, match=r"unknown profile 'primtime' \(did you mean 'primetime'\?\); known: brownout"
    ):
        load_profile("primtime")


def test_a_file_is_called_by_its_stem_and_its_errors_name_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[limits]\nrpm = 5\n", encoding="utf-8")
    assert load_profile(str(path)) == Profile("mine", limits=Limits(rpm=5))
    path.write_text("[limits]\nrmp = 5\n", encoding="utf-8")
    with pytest.raises(ProfileError, match=r"mine\.toml: unknown key limits\.rmp \(did you mean 'rpm'\?\)"):
        load_profile(str(path))
    path.write_text("rpm = \n", encoding="utf-8")
    with pytest.raises(ProfileError, match=r"mine\.toml is not TOML"):
        load_profile(str(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileError, match=r"mine\.toml is not TOML"):
        load_profile(str(path))
    with pytest.raises(ProfileError, match=r"cannot read the profile .*No such file"):
        load_profile(str(tmp_path / "absent.toml"))


_FRACTIONS = st.floats(0, 1)
_MINUTES = st.integers(0, 1439)
_WINDOWS = st.builds(ClockWindow, _MINUTES, _MINUTES).filter(lambda window: window.length_min > 0)
_WHENS = st.builds(
    When,
    window=st.none() | _WINDOWS,
    from_s=st.none() | st.floats(0, 100),
    to_s=st.none() | st.floats(101, 1000),
)
# Printable: no control character, surrogate, unassigned one, or space that is none.
_NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=10)
_CONNECTION_RULES = st.builds(
    ConnectionRule, _NAMES, st.sampled_from(get_args(ConnectionAction)), _FRACTIONS, _WHENS
)
_RANGES = (
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(sorted).map(lambda pair: CallRange(*pair))
)
_WHICH: dict[str, Any] = {
    "name": _NAMES,
    "probability": _FRACTIONS,
    "when": _WHENS,
    "path": st.none() | _NAMES,
    "model": st.none() | _NAMES,
    "key": st.none() | _NAMES.map(digest),
    "header": st.none() | st.builds(HeaderIs, st.just("x-tenant"), st.sampled_from(["gold", "a: b", "x"])),
    "call": st.none() | _RANGES,
    "attempts": st.none() | st.integers(1, 100),
    "first": st.none() | st.integers(1, 100),
    "every": st.none() | st.integers(1, 100),
}
_HINTS = st.builds(
    RetryAfter,
    seconds=st.floats(0, 1e8),
    as_date=st.booleans(),
    should_retry=st.none() | st.booleans(),
) | st.builds(RetryAfter, text=st.none() | st.sampled_from(["soon", "Thu, 01 Jan 2099"]))
_EVENTS = st.integers(0, 100)
_REQUEST_RULES = st.one_of(
    st.builds(
        RequestRule,
        action=st.just("status"),
        status=st.integers(400, 599),
        code=st.none() | st.sampled_from(ERROR_CODES),
        retry_after=_HINTS,
        **_WHICH,
    ),
    st.builds(RequestRule, action=st.just("delay"), delay_ms=st.floats(0, 1e6), **_WHICH),
    st.builds(RequestRule, action=st.just("slow_drip"), bytes_per_s=st.floats(0.1, 1e6), **_WHICH),
    st.builds(
        RequestRule,
        action=st.just("wrong_length"),
        length_off=st.integers(-(10**6), 10**6).filter(bool),
        after_events=_EVENTS,
        **_WHICH,
    ),
    st.builds(
        RequestRule,
        action=st.sampled_from(sorted(COUNTS_EVENTS - {"wrong_length"})),
        after_events=_EVENTS,
        **_WHICH,
    ),
    st.builds(
        RequestRule,
        action=st.sampled_from(
            sorted((REFUSING | SPOILING) - COUNTS_EVENTS - {"status", "delay", "slow_drip"})
        ),
        **_WHICH,
    ),
)
_LIMIT = st.integers(0, 10**6)
_MODELS = st.lists(
    st.builds(ModelLimits, _NAMES, *[st.none() | _LIMIT] * 4), max_size=2, unique_by=lambda item: item.model
).map(tuple)
_PROFILES = st.builds(
    Profile,
    name=_NAMES,
    evening=st.builds(Evening, _WINDOWS, st.floats(1, 1000)),
    ttft=st.builds(Ttft, st.floats(0, 10_000), _FRACTIONS, _FRACTIONS, st.floats(0, 10_000), _FRACTIONS),
    inter_token=st.builds(InterToken, st.floats(0, 100), _FRACTIONS),
    length=st.builds(Length, st.floats(1, 1000), _FRACTIONS),
    limits=st.builds(Limits, *[_LIMIT] * 4, st.floats(0.1, 100), _LIMIT, _MODELS),
    capacity=st.builds(
        CapacitySettings,
        slots=st.integers(0, 1000),
        background=st.lists(
            st.builds(CurvePoint, _MINUTES, _FRACTIONS), max_size=4, unique_by=lambda p: p.minute
        ).map(lambda points: tuple(sorted(points, key=lambda point: point.minute))),
        abandon_when_client_gone=st.booleans(),
    ),
    front=st.builds(
        FrontSettings, st.just(0.0) | st.floats(0.001, 1000), st.integers(1, 100), st.integers(1, 1000)
    ),
    connection_faults=st.lists(_CONNECTION_RULES, max_size=2).map(tuple),
    request_faults=st.lists(_REQUEST_RULES, max_size=3).map(tuple),
)


@given(_PROFILES)
def test_a_document_reads_back_as_the_same_profile(profile: Profile) -> None:
    assert parse_profile(as_document(profile)) == profile


def test_every_section_of_a_profile_is_in_its_document() -> None:
    assert list(as_document(Profile("p"))) == [item.name for item in fields(Profile)]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from([item.name for item in fields(Profile)])


@given(st.dictionaries(_KEYS, _JSON, max_size=3) | _JSON)
def test_whatever_comes_in_is_a_profile_or_a_profile_error(document: object) -> None:
    try:
        profile = parse_profile(document)
    except ProfileError as error:
        assert "\n" not in str(error)  # noqa: PT017 - both endings are allowed, a traceback is not
    else:
        assert isinstance(profile, Profile)

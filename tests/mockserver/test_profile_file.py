"""Profiles: strict reading, clear errors, and a document that reads back as itself."""

from dataclasses import fields
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.errors import ProfileError
from mockserver.profile import (
    CapacitySettings,
    CurvePoint,
    Evening,
    FrontSettings,
    InterToken,
    Length,
    Limits,
    Profile,
    Ttft,
)
from mockserver.profile_document import as_document
from mockserver.profile_file import bundled_names, load_profile, parse_profile
from mockserver.rules import ClockWindow, ConnectionRule, HeaderIs, RequestRule, RetryAfter, When


def _error(document: object) -> str:
    with pytest.raises(ProfileError) as caught:
        parse_profile(document)
    return str(caught.value)


def test_the_bundled_ones_are_three() -> None:
    assert bundled_names() == ["calm", "instant", "primetime"]


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
            'request_faults[0].action = None: expected "status", "hang", "reset", "garbage", "hang_after_',
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
            "connection_faults[0].action = 'status': expected \"hang\"",
        ),
        ({"name": ""}, "name = '': expected a text"),
    ],
)
def test_an_error_names_field_value_and_what_was_expected(document: object, message: str) -> None:
    assert message in _error(document)


def test_a_number_too_large_for_a_float_is_an_error_and_not_a_crash() -> None:
    assert "expected a number" in _error({"ttft": {"median_ms": 10**400}})


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
        ProfileError, match=r"unknown profile 'primtime' \(did you mean 'primetime'\?\); known: calm"
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
_NAMES = st.text(min_size=1, max_size=10)
_CONNECTION_RULES = st.builds(ConnectionRule, _NAMES, st.sampled_from(["hang", "reset"]), _FRACTIONS, _WHENS)
_REQUEST_RULES = (
    st.builds(
        RequestRule,
        name=_NAMES,
        action=st.just("status"),
        probability=_FRACTIONS,
        when=_WHENS,
        path=st.none() | _NAMES,
        model=st.none() | _NAMES,
        status=st.integers(400, 599),
        retry_after=st.builds(RetryAfter, st.none() | st.floats(0, 100)),
    )
    | st.builds(
        RequestRule,
        _NAMES,
        st.sampled_from(["hang", "reset", "garbage", "hang_after_headers"]),
        _FRACTIONS,
        _WHENS,
        header=st.none() | st.builds(HeaderIs, st.just("x-tenant"), st.sampled_from(["gold", "a: b", "x"])),
        first=st.none() | st.integers(1, 100),
    )
    | st.builds(
        RequestRule,
        _NAMES,
        st.sampled_from(["stall", "reset_mid", "truncate", "half_json", "malformed_sse", "stream_error"]),
        after_events=st.integers(0, 100),
    )
)
_PROFILES = st.builds(
    Profile,
    name=_NAMES,
    evening=st.builds(Evening, _WINDOWS, st.floats(1, 1000)),
    ttft=st.builds(Ttft, st.floats(0, 10_000), _FRACTIONS, _FRACTIONS, st.floats(0, 10_000), _FRACTIONS),
    inter_token=st.builds(InterToken, st.floats(0, 100), _FRACTIONS),
    length=st.builds(Length, st.floats(1, 1000), _FRACTIONS),
    limits=st.builds(Limits, st.integers(0, 10**6), st.integers(0, 10**9), st.floats(0.1, 100)),
    capacity=st.builds(
        CapacitySettings,
        slots=st.integers(0, 1000),
        background=st.lists(
            st.builds(CurvePoint, _MINUTES, _FRACTIONS), max_size=4, unique_by=lambda p: p.minute
        ).map(lambda points: tuple(sorted(points, key=lambda point: point.minute))),
        abandon_when_client_gone=st.booleans(),
    ),
    front=st.builds(FrontSettings, st.floats(0, 1000), st.integers(1, 100), st.integers(1, 1000)),
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

"""Faults by request header: read as strictly as a profile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.errors import WireError
from mockserver.rules import RequestRule, RetryAfter
from mockserver.wire.fault_header import read_fault_header


def _read(text: str) -> RequestRule | None:
    return read_fault_header({"x-mock-fault": text})


def test_no_header_is_no_fault() -> None:
    assert read_fault_header({}) is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("hang", RequestRule("hang", "hang")),
        ("reset_mid; after_events=3", RequestRule("reset_mid", "reset_mid", after_events=3)),
        (" stall ;after_events = 0 ", RequestRule("stall", "stall", after_events=0)),
        (
            "status; status=503; retry_after_s=2",
            RequestRule("status_503", "status", status=503, retry_after=RetryAfter(2.0)),
        ),
        (
            'status; status=429; retry_after="soon, or later"; should_retry=false',
            RequestRule(
                "status_429",
                "status",
                status=429,
                retry_after=RetryAfter(None, False, "soon, or later", False),
            ),
        ),
        (
            "status; status=429; retry_after_s=60; retry_after_date=true; code=slow_down",
            RequestRule(
                "status_429",
                "status",
                status=429,
                code="slow_down",
                retry_after=RetryAfter(60.0, as_date=True),
            ),
        ),
        ("wrong_length; length_off=-10", RequestRule("wrong_length", "wrong_length", length_off=-10)),
        ("delay; delay_ms=250", RequestRule("delay", "delay", delay_ms=250.0)),
        ("slow_drip; bytes_per_s=1.5", RequestRule("slow_drip", "slow_drip", bytes_per_s=1.5)),
        (
            "status;status=429;retry_after_s=0.5",
            RequestRule("status_429", "status", status=429, retry_after=RetryAfter(0.5)),
        ),
    ],
)
def test_an_action_and_its_options(text: str, rule: RequestRule) -> None:
    assert _read(text) == rule


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "x-mock-fault.action = '': expected \"status\""),
        ("hangs", "x-mock-fault.action = 'hangs': expected \"status\""),
        ("status", "x-mock-fault.status is missing"),
        ("status; status=200", "x-mock-fault.status = 200: expected a whole number from 400 to 599"),
        ("status; status=503.5", "x-mock-fault.status = 503.5: expected a whole number"),
        ("hang; after_events=1", "x-mock-fault.after_events has no meaning with the action hang"),
        ("stall; after_event=1", "unknown key x-mock-fault.after_event (did you mean 'after_events'?)"),
        ("stall; after_events=-1", "x-mock-fault.after_events = -1: expected a whole number from 0"),
        ("stall; after_events=๑", "x-mock-fault.after_events = '๑': expected a whole number"),
        ("stall; after_events=1_0", "x-mock-fault.after_events = '1_0': expected a whole number"),
        ("wrong_length; length_off=0", "x-mock-fault.length_off = 0: expected another number than 0"),
        ("delay; delay_ms=true", "x-mock-fault.delay_ms = True: expected a number"),
        ("stall; every=2", "unknown key x-mock-fault.every"),
        ("stall; x", "'x' is not an option"),
        ("stall; after_events=1; after_events=2", "'after_events=2' is given twice"),
        ("stall; probability=1", "unknown key x-mock-fault.probability"),
        ("stall; action=1", "'action=1' is given twice"),
    ],
)
def test_what_is_not_understood_is_a_400_that_says_why(text: str, words: str) -> None:
    with pytest.raises(WireError) as caught:
        _read(text)
    assert caught.value.status == 400
    assert words in caught.value.message


@given(st.text())
def test_every_header_is_a_fault_or_a_400(text: str) -> None:
    try:
        rule = _read(text)
    except WireError as error:
        assert error.status == 400  # noqa: PT017 - both endings are allowed, nothing else is
    else:
        assert rule is not None

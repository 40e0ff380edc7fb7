"""Lengths of time and windows, as people write them."""

import pytest

from harness.errors import ConfigError
from harness.workload.spans import clock_text, parse_span, parse_window

HOUR_S = 3600


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("3m", 180),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1h30", 3630),
        ("2m30s", 150),
        ("1h1m1s", 3661),
        ("1.5h", 5400),
        ("0.5s", 0.5),
        (" 3m ", 180),
    ],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert parse_span(text, "--evening") == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "0m", "-3m", "3 m", "3d", "m", "soon", "3m1h", "1e3", "nan", "inf", "3.m"]
)
def test_no_length_of_time(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_span(text, "--evening")
    assert str(caught.value) == f"--evening = {text!r}: expected a length of time such as 90s, 3m or 1h30m"


@pytest.mark.parametrize(
    ("text", "start_s", "end_s"),
    [
        ("19:30-20:30", 19.5 * HOUR_S, 20.5 * HOUR_S),
        ("18:00-23:00", 18 * HOUR_S, 23 * HOUR_S),
        ("9:05-9:06", 9 * HOUR_S + 300, 9 * HOUR_S + 360),
        ("22:00-01:30", 22 * HOUR_S, 25.5 * HOUR_S),
        ("20:00-00:00", 20 * HOUR_S, 24 * HOUR_S),
        ("20:00-24:00", 20 * HOUR_S, 24 * HOUR_S),
        ("00:00-24:00", 0, 24 * HOUR_S),
        (" 19:00-20:00 ", 19 * HOUR_S, 20 * HOUR_S),
    ],
)
def test_windows(text: str, start_s: float, end_s: float) -> None:
    window = parse_window(text)
    assert (window.start_s, window.end_s, window.length_s) == (start_s, end_s, end_s - start_s)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "19:30",
        "19-20",
        "19:30-20:60",
        "24:00-25:00",
        "19:30-25:00",
        "19:30:00-20:30",
        "19:60-20:00",
        "a-b",
    ],
)
def test_no_window(text: str) -> None:
    with pytest.raises(ConfigError, match="expected two times of the clock such as 19:30-20:30") as caught:
        parse_window(text)
    assert repr(text) in str(caught.value)


def test_a_time_after_midnight_beyond_24_00_is_no_time_of_the_clock() -> None:
    with pytest.raises(ConfigError, match="expected two times of the clock"):
        parse_window("19:30-24:30")


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected an end after the start"):
        parse_window("20:00-20:00")


def test_the_clock_of_a_window() -> None:
    window = parse_window("23:30-00:30")
    assert [window.clock(share) for share in (0, 0.25, 0.5, 1)] == ["23:30", "23:45", "00:00", "00:30"]
    assert str(window) == "23:30-00:30"
    assert clock_text(20 * HOUR_S + 59) == "20:00"

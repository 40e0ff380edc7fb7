import pytest

from reports.telling import words


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        ("inf", "∞"),
        (0.0, "0 µs"),
        (0.4, "400 µs"),
        (1.24, "1.2 ms"),
        (99.96, "100 ms"),
        (999.6, "1.00 s"),
        (2345.0, "2.35 s"),
        (12_940.0, "12.9 s"),
        (120_000.0, "120 s"),
    ],
)
def test_latency_has_the_unit_that_suits_it(value: float | str | None, expected: str) -> None:
    assert words.latency(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (0.0, "0.0 %"), (0.0004, "<0.1 %"), (0.7345, "73.5 %"), (1.0, "100.0 %")],
)
def test_a_small_share_is_never_zero(value: float | None, expected: str) -> None:
    assert words.percent(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        ("inf", "∞"),
        (0.0, "$0.00"),
        (0.000000123, "$0.000000123"),
        (0.00158, "$0.00158"),
        (0.4, "$0.400"),
        (8.0, "$8.00"),
        (12.345, "$12.35"),
        (1234.5, "$1,234.50"),
    ],
)
def test_money_is_never_rounded_to_nothing(value: float | str | None, expected: str) -> None:
    assert words.usd(value) == expected


def test_limits_are_seconds_or_below_one_milliseconds() -> None:
    assert words.objectives({"ttft": 2000.0, "itl": 60.0}) == "ttft ≤ 2 s and itl ≤ 60 ms"


def test_an_objective_that_no_reply_could_meet_is_named() -> None:
    limits = {"call_latency": 15_000.0, "ttft": 2000.0, "itl": 60.0}
    silent = {"goodput_objectives_ms": limits, "ttft_ms": None, "itl_ms": None}
    assert words.unmet(silent) == "ttft, itl not met: no streams"
    assert words.goodput(silent).endswith("and itl ≤ 60 ms (ttft, itl not met: no streams)")
    assert words.unmet({**silent, "ttft_ms": {}, "itl_ms": {}}) == ""


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(12.0, "12 s"), (0.5, "0.5 s"), (180.0, "3 min"), (18_000.0, "5 h"), (125.0, "2 min 5 s")],
)
def test_duration_is_read_as_people_say_it(seconds: float, expected: str) -> None:
    assert words.duration(seconds) == expected

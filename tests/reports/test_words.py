import pytest

from reports import words


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
    ("seconds", "expected"),
    [(12.0, "12 s"), (0.5, "0.5 s"), (180.0, "3 min"), (18_000.0, "5 h"), (125.0, "2 min 5 s")],
)
def test_duration_is_read_as_people_say_it(seconds: float, expected: str) -> None:
    assert words.duration(seconds) == expected

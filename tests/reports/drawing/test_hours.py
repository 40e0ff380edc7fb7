import pytest

from reports.drawing.hours import axis, minutes
from reports.reading.run import Clock


def test_an_evening_is_ticked_at_round_hours() -> None:
    clock = Clock("ICT", "19:30", "20:30", 180.0)
    found = axis(clock, 180.0, 7)
    assert found.label == "ICT"
    assert found.ticks == (
        (0.0, "19:30"),
        (30.0, "19:40"),
        (60.0, "19:50"),
        (90.0, "20:00"),
        (120.0, "20:10"),
        (150.0, "20:20"),
        (180.0, "20:30"),
    )


def test_an_evening_may_run_past_midnight() -> None:
    found = axis(Clock("ICT", "23:00", "01:00", 120.0), 120.0, 5)
    assert [label for _, label in found.ticks] == ["23:00", "23:30", "00:00", "00:30", "01:00"]
    assert found.ticks[2][0] == 60.0


def test_a_start_between_round_times_is_not_ticked() -> None:
    found = axis(Clock("ICT", "19:37", "20:37", 60.0), 60.0, 7)
    assert found.ticks[0] == (3.0, "19:40")


def test_a_run_that_was_cut_short_is_ticked_as_far_as_it_went() -> None:
    found = axis(Clock("ICT", "19:30", "20:30", 180.0), 90.0, 4)
    assert found.ticks[-1] == (90.0, "20:00")


def test_without_a_clock_seconds_are_counted() -> None:
    found = axis(None, 12.0, 7)
    assert found.ticks == tuple((float(n), str(n)) for n in (0, 2, 4, 6, 8, 10, 12))
    assert "seconds" in found.label


@pytest.mark.parametrize("window_s", [1e-9, 0.3, 7.0, 100.0, 86_400.0, 1e6])
def test_ticks_never_crowd(window_s: float) -> None:
    assert 1 <= len(axis(None, window_s, 7).ticks) <= 8


def test_minutes_of_a_time_of_day() -> None:
    assert minutes("19:30") == 1170

"""What is written into the profile's file."""

import pytest

from mockserver.profile_file import parse_profile
from reports.fit.bursts import Burst
from reports.fit.document import minute_at, rounded, when
from reports.fit.fit import Span
from reports.reading.run import Bools, Clock

NOBODY: Bools = None  # type: ignore[assignment]  # who was inside is not asked here
EVENING = Span(180.0, Clock("ICT", "19:30", "20:30", 180.0), alike=True)


def test_numbers_keep_five_digits() -> None:
    assert [rounded(value) for value in (0.0123456, 434.78678, 1999.999)] == [0.012346, 434.79, 2000.0]


@pytest.mark.parametrize(
    ("start", "end", "place", "minute"),
    [
        ("19:30", "20:30", 0.5, "20:00"),
        ("18:00", "24:00", 1.0, "00:00"),
        ("22:00", "02:00", 0.75, "01:00"),
        ("00:00", "24:00", 0.5, "12:00"),
    ],
)
def test_places_are_minutes_of_the_evening(start: str, end: str, place: float, minute: str) -> None:
    assert minute_at(Span(60.0, Clock("ICT", start, end, 60.0), alike=True), place) == minute


def test_a_burst_is_a_window_where_there_are_hours() -> None:
    assert when(Burst(32 / 60, 36 / 60, NOBODY), EVENING) == {"window": "20:02-20:06"}


def test_without_hours_it_is_in_seconds() -> None:
    assert when(Burst(0.25, 0.5, NOBODY), Span(61.0, None, alike=True)) == {"from_s": 15, "to_s": 31}


def test_one_that_is_shorter_than_a_minute_of_the_evening_is_in_seconds() -> None:
    found = when(Burst(0.500, 0.5042, NOBODY), EVENING)
    assert found == {"from_s": 90, "to_s": 91}
    parse_profile({"request_faults": [{"action": "reset", **found}]})

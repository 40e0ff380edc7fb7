"""The evening clock, over midnight too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.core.evening import EveningClock, background, in_force
from mockserver.profile import CurvePoint, Evening
from mockserver.rules import ClockWindow, When

S = 1_000_000
EVENING = EveningClock(Evening(ClockWindow(19 * 60 + 30, 20 * 60 + 30), 180), 5 * S)


@pytest.mark.parametrize(
    ("now_s", "minute"),
    [(0, 1170), (5, 1170), (95, 1200), (50, 1185), (185, 1230), (500, 1230)],
    ids=["before", "start", "eight o'clock", "a quarter", "end", "after"],
)
def test_an_hour_in_three_minutes(now_s: int, minute: int) -> None:
    assert EVENING.minute(now_s * S) == pytest.approx(minute)


def test_an_evening_past_midnight() -> None:
    clock = EveningClock(Evening(ClockWindow(23 * 60, 60), 120), 0)
    assert clock.minute(60 * S) == 1440
    assert clock.minute(90 * S) == 1470
    half_past_midnight = When(ClockWindow(29, 31))
    assert in_force(half_past_midnight, clock, 90 * S)
    assert not in_force(half_past_midnight, clock, 60 * S)


def test_a_window_holds_its_start_and_not_its_end() -> None:
    when = When(ClockWindow(20 * 60, 20 * 60 + 10))
    assert not in_force(when, EVENING, 95 * S - 1)
    assert in_force(when, EVENING, 95 * S)
    assert in_force(when, EVENING, 125 * S - 1)
    assert not in_force(when, EVENING, 125 * S)


def test_a_window_over_midnight_holds_both_sides() -> None:
    window = ClockWindow(23 * 60 + 50, 10)
    assert [window.holds(minute) for minute in (1429, 1430, 1439.9, 0, 9.9, 10, 1445)] == [
        False, True, True, True, True, False, True,
    ]  # fmt: skip


def test_seconds_count_from_when_the_clock_was_set() -> None:
    when = When(from_s=10, to_s=20)
    assert [in_force(when, EVENING, now_s * S) for now_s in (14, 15, 24, 25)] == [False, True, True, False]


CURVE = (CurvePoint(1170, 0.35), CurvePoint(1200, 0.45), CurvePoint(1230, 0.30))


@pytest.mark.parametrize(
    ("minute", "load"),
    [(1170, 0.35), (1185, 0.40), (1200, 0.45), (1210, 0.40), (1230, 0.30), (1230 + 690, 0.325)],
)
def test_the_background_is_linear_between_its_points_and_round_the_clock(minute: float, load: float) -> None:
    assert background(CURVE, minute) == pytest.approx(load)


def test_a_curve_that_crosses_midnight() -> None:
    curve = (CurvePoint(23 * 60, 0.2), CurvePoint(60, 0.6))
    assert background(curve, 1440) == pytest.approx(0.4)
    assert background(curve, 0) == pytest.approx(0.4)


def test_one_point_is_a_constant_and_none_is_nothing() -> None:
    assert background((CurvePoint(600, 0.25),), 17) == 0.25
    assert background((), 1200) == 0


@given(st.floats(0, 4000))
def test_the_background_stays_between_its_points(minute: float) -> None:
    assert 0.30 - 1e-12 <= background(CURVE, minute) <= 0.45 + 1e-12

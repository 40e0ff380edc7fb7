"""Rate curves: their integral, its inverse, and the Thai evening."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.workload.curve import HOURLY, RateCurve, constant, evening
from harness.workload.spans import parse_window

HOUR_S = 3600


def expected_count(curve: RateCurve, until_s: float) -> float:
    """Calls expected by an instant: the trapezoid rule at the knots, exact for a piecewise linear rate."""
    inner = curve.times_s[curve.times_s < until_s]
    at = np.append(inner, until_s)
    return float(np.trapezoid(np.interp(at, curve.times_s, curve.rates), at))


@st.composite
def curves(draw: st.DrawFn) -> RateCurve:
    gaps = draw(st.lists(st.integers(1, 400), min_size=1, max_size=12))
    size = len(gaps) + 1
    rates = draw(st.lists(st.integers(0, 200), min_size=size, max_size=size).filter(any))
    return RateCurve(np.concatenate(([0.0], np.cumsum(gaps))) / 4, np.array(rates) / 4)


@given(curves(), st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(deadline=None)
def test_the_inverse_undoes_the_integral(curve: RateCurve, shares: list[float]) -> None:
    total = expected_count(curve, curve.length_s)
    assert curve.total == pytest.approx(total)
    counts = np.array(sorted(shares)) * curve.total
    times = curve.inverse(counts)
    assert np.all((times >= 0) & (times <= curve.length_s))
    assert np.all(np.diff(times) >= 0)
    for count, at_s in zip(counts, times, strict=True):
        assert expected_count(curve, float(at_s)) == pytest.approx(float(count), abs=1e-6 * total)


def test_the_inverse_worked_by_hand() -> None:
    # From 0 up to 2 a second in 2 s, then level: 2 calls by second 2, t^2 / 2 before, 2 + 2 (t - 2) after.
    curve = RateCurve(np.array([0.0, 2.0, 4.0]), np.array([0.0, 2.0, 2.0]))
    assert curve.total == 6.0
    assert curve.inverse(np.array([0.0, 0.5, 2.0, 4.0, 6.0])) == pytest.approx([0.0, 1.0, 2.0, 3.0, 4.0])


def test_nothing_arrives_where_the_rate_is_nothing() -> None:
    curve = RateCurve(
        np.array([0.0, 1.0, 1.000001, 9.0, 9.000001, 10.0]), np.array([5.0, 5.0, 0.0, 0.0, 5.0, 5.0])
    )
    times = curve.inverse(np.linspace(0, curve.total, 1001))
    assert not np.any((times > 1.001) & (times < 8.999))


def test_constant() -> None:
    curve = constant(4.0, 10.0)
    assert (curve.total, curve.length_s) == (40.0, 10.0)
    assert curve.inverse(np.array([0.0, 1.0, 40.0])) == pytest.approx([0.0, 0.25, 10.0])


@pytest.mark.parametrize(
    "window", ["18:00-23:00", "19:30-20:30", "12:00-24:00", "19:00-01:00", "00:00-24:00"]
)
@pytest.mark.parametrize("length_s", [60.0, 180.0, 18_000.0])
def test_the_evening_peaks_at_eight_with_the_rate_asked_for(window: str, length_s: float) -> None:
    stretch = parse_window(window)
    curve = evening(stretch, length_s, 17.5)
    assert curve.length_s == pytest.approx(length_s)
    assert curve.rates.max() == pytest.approx(17.5)
    peak_s = float(curve.times_s[curve.rates.argmax()])
    assert stretch.start_s + peak_s / length_s * stretch.length_s == pytest.approx(20 * HOUR_S)
    assert np.all(curve.rates > 0)


def test_the_evening_without_eight_oclock_still_reaches_the_rate_asked_for() -> None:
    assert evening(parse_window("02:00-05:00"), 60.0, 9.0).rates.max() == pytest.approx(9.0)
    assert evening(parse_window("21:00-21:01"), 60.0, 9.0).rates.max() == pytest.approx(9.0)


def test_the_evening_away_from_eight_is_the_hourly_table() -> None:
    curve = evening(parse_window("00:00-24:00"), 86_400.0, 1.7)
    # At 20:00 the surge makes 1.7 of the hour's 1.00, so a rate of 1.7 is the table itself; two hours away
    # from it (12 sigma) nothing of the surge is left.
    for hour in (0, 6, 12, 18, 22):
        assert np.interp(hour * HOUR_S, curve.times_s, curve.rates) == pytest.approx(HOURLY[hour])
    assert np.interp(12.5 * HOUR_S, curve.times_s, curve.rates) == pytest.approx(
        (HOURLY[12] + HOURLY[13]) / 2
    )


def test_the_quarter_of_an_hour_around_eight_surges() -> None:
    curve = evening(parse_window("18:00-23:00"), 5 * HOUR_S, 100.0)

    def at(hour: float) -> float:
        return float(np.interp((hour - 18) * HOUR_S, curve.times_s, curve.rates))

    assert at(20) / at(20 - 7.5 / 60) == pytest.approx(
        1.7 / (0.99 * (1 + 0.7 * np.exp(-(0.75**2) / 2))), rel=1e-3
    )
    assert at(20) > 1.6 * at(19.25)


def test_a_window_that_reaches_the_next_evening_surges_there_as_well() -> None:
    # From 21:00 to 20:30 of the next day: its only eight o'clock is tomorrow's.
    stretch = parse_window("21:00-20:30")
    curve = evening(stretch, float(stretch.length_s), 1.0)
    tomorrow_s = 20 * HOUR_S + 86_400 - stretch.start_s
    at_eight = np.interp(tomorrow_s, curve.times_s, curve.rates)
    assert at_eight / curve.rates[0] == pytest.approx(1.7 * HOURLY[20] / HOURLY[21], rel=1e-3)


def test_there_is_a_rate_for_every_hour() -> None:
    assert len(HOURLY) == 24
    assert max(HOURLY) == HOURLY[20] == 1.0

"""The axis of time: the hours an evening stands for, or seconds."""

from __future__ import annotations

from dataclasses import dataclass

from reports.reading.run import MINUTES_PER_DAY, MINUTES_PER_HOUR, Clock

STEPS_MIN = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360)
STEPS_S = (0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)


@dataclass(frozen=True, slots=True)
class Axis:
    """Ticks as (elapsed seconds, label), and what the axis shows."""

    ticks: tuple[tuple[float, str], ...]
    label: str


def axis(clock: Clock | None, window_s: float, most: int) -> Axis:
    """An axis with at most `most` ticks at round times."""
    return _seconds(window_s, most) if clock is None else _hours(clock, window_s, most)


def minutes(text: str) -> int:
    """Minutes since midnight of "19:30"."""
    hours, _, rest = text.partition(":")
    return MINUTES_PER_HOUR * int(hours) + int(rest)


def _hours(clock: Clock, window_s: float, most: int) -> Axis:
    start = minutes(clock.start)
    span = (minutes(clock.end) - start) % MINUTES_PER_DAY or MINUTES_PER_DAY
    s_per_min = clock.duration_s / span
    shown = window_s / s_per_min
    step = next((s for s in STEPS_MIN if shown / s < most), STEPS_MIN[-1])
    first = -(-start // step) * step
    ticks = []
    for at in range(first, int(start + shown) + 1, step):
        of_day = at % MINUTES_PER_DAY
        ticks.append(
            ((at - start) * s_per_min, f"{of_day // MINUTES_PER_HOUR:02}:{of_day % MINUTES_PER_HOUR:02}")
        )
    return Axis(tuple(ticks), clock.zone)


def _seconds(window_s: float, most: int) -> Axis:
    step = next((s for s in STEPS_S if window_s / s < most), window_s / most)
    count = int(window_s / step + 1e-9)
    return Axis(tuple((i * step, f"{i * step:g}") for i in range(count + 1)), "seconds from the start")

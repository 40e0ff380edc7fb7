"""Lengths of time and windows of the clock, as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.errors import ConfigError

DAY_S = 86_400
HOUR_S = 3_600
MINUTE_S = 60

_UNITS_S = {"h": HOUR_S, "m": MINUTE_S, "s": 1}
_SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_WINDOW = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


def parse_span(text: str, name: str) -> float:
    """Seconds of "90", "90s", "3m", "1h30m". Raises ConfigError unless it is more than 0."""
    match = _SPAN.fullmatch(text.strip())
    parts = match.groups() if match else ()
    seconds = sum(float(p) * u for p, u in zip(parts, _UNITS_S.values(), strict=False) if p)
    if not match or seconds <= 0:
        raise ConfigError(f"{name} = {text!r}: expected a length of time such as 90s, 3m or 1h30m")
    return seconds


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the evening in Thai time (ICT, UTC+7, no daylight saving), seconds after midnight.

    `end_s` may pass midnight (more than 86,400).
    """

    start_s: int
    end_s: int

    @property
    def length_s(self) -> int:
        """How long the stretch is on the clock."""
        return self.end_s - self.start_s

    def clock(self, elapsed_share: float) -> str:
        """The clock, "20:05", after a share (0 to 1) of the window."""
        return clock_text(self.start_s + elapsed_share * self.length_s)

    def __str__(self) -> str:
        return f"{clock_text(self.start_s)}-{clock_text(self.end_s)}"


def clock_text(second_of_day: float) -> str:
    """The clock, "20:05", for seconds after midnight."""
    minutes = int(second_of_day // MINUTE_S) % (24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def parse_window(text: str) -> Window:
    """The window "19:30-20:30". Raises ConfigError."""
    match = _WINDOW.fullmatch(text.strip())
    numbers = [int(g) for g in match.groups()] if match else [99] * 4
    start_s = numbers[0] * HOUR_S + numbers[1] * MINUTE_S
    end_s = numbers[2] * HOUR_S + numbers[3] * MINUTE_S
    if start_s >= DAY_S or end_s > DAY_S or max(numbers[1], numbers[3]) >= MINUTE_S:
        raise ConfigError(f"--window = {text!r}: expected two times of the clock such as 19:30-20:30")
    if end_s == start_s:
        raise ConfigError(f"--window = {text!r}: expected an end after the start")
    return Window(start_s, end_s if end_s > start_s else end_s + DAY_S)

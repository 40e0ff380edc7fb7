"""Rates over time: piecewise linear, with their exact integral and its exact inverse."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from harness.workload.spans import DAY_S, HOUR_S, MINUTE_S, Window

Floats = NDArray[np.float64]

# Relative to the peak, hours 0 to 23 ICT. An assumption: no public hourly series for Thailand was found; it
# is shaped on the ServeGen (Alibaba) m-small client traces, which peak at 20:00, and on reported windows of
# social-media use ("18-23h", Bangkok Post 2018).
HOURLY = (
    *(0.45, 0.32, 0.25, 0.21, 0.20, 0.23, 0.32, 0.42, 0.55, 0.65, 0.70, 0.72),
    *(0.74, 0.70, 0.69, 0.70, 0.71, 0.72, 0.80, 0.92, 1.00, 0.98, 0.86, 0.64),
)

# Within the hour, campaigns and live sales start together at 20:00. An assumption, too: ServeGen's worst ten
# minutes reach 3.3 x the mean; here the quarter of an hour around eight reaches 1.7 x its surroundings.
SURGE_AT_S = 20 * HOUR_S
SURGE_GAIN = 0.7
SURGE_SIGMA_S = 10 * MINUTE_S


@dataclass(frozen=True, slots=True)
class RateCurve:
    """Calls a second at `times_s` (rising, from 0), linear between."""

    times_s: Floats
    rates: Floats

    @property
    def length_s(self) -> float:
        """Where the curve ends."""
        return float(self.times_s[-1])

    @property
    def total(self) -> float:
        """Calls expected over the whole curve."""
        return float(self._cumulative()[-1])

    def _cumulative(self) -> Floats:
        areas = np.diff(self.times_s) * (self.rates[1:] + self.rates[:-1]) / 2
        return np.concatenate(([0.0], np.cumsum(areas)))

    def inverse(self, counts: Floats) -> Floats:
        """The times at which the expected count reaches each of `counts` (between 0 and `total`).

        In a segment with rate r0 and slope a, r0 t + a t^2 / 2 = c gives t = 2c / (r0 + sqrt(r0^2 + 2ac)).
        """
        cumulative = self._cumulative()
        segment = np.clip(np.searchsorted(cumulative, counts, side="right") - 1, 0, len(self.times_s) - 2)
        width = np.diff(self.times_s)[segment]
        slope = np.diff(self.rates)[segment] / width
        start = self.rates[segment]
        inside = counts - cumulative[segment]
        root = np.sqrt(np.maximum(start**2 + 2 * slope * inside, 0.0))
        divisor = np.maximum(start + root, np.finfo(float).tiny)
        return np.asarray(self.times_s[segment] + np.clip(2 * inside / divisor, 0.0, width), dtype=np.float64)


def constant(rate: float, length_s: float) -> RateCurve:
    """The same rate throughout."""
    return RateCurve(np.array([0.0, length_s]), np.array([rate, rate]))


def evening(window: Window, length_s: float, peak_rps: float) -> RateCurve:
    """The Thai evening between the window's ends, played in `length_s`; `peak_rps` is its highest rate."""
    steps = max(2, round(window.length_s / MINUTE_S) + 1)
    share = np.linspace(0.0, 1.0, steps)
    shape = np.array([_shape(window.start_s + s * window.length_s) for s in share])
    return RateCurve(share * length_s, peak_rps * shape / shape.max())


def _shape(second_of_day: float) -> float:
    """Demand at a time of the clock: the hourly figures, linear between, times the surge at eight."""
    hour, part = divmod(second_of_day / HOUR_S, 1.0)
    low, high = HOURLY[int(hour) % 24], HOURLY[(int(hour) + 1) % 24]
    # From the nearest eight o'clock: a window may reach the next evening.
    from_eight_s = (second_of_day - SURGE_AT_S + DAY_S / 2) % DAY_S - DAY_S / 2
    distance = from_eight_s / SURGE_SIGMA_S
    return (low + part * (high - low)) * (1 + SURGE_GAIN * exp(-(distance**2) / 2))

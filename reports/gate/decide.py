"""The rule by which a change is called a regression. Pure: every gate of runs ends here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.gate.verdict import Verdict

#: An interval wider than so many of the user's tolerances tells nothing that one could act on.
USEFUL_TOLERANCES = 4.0

#: Tolerance over the noise: twice what 95 % of comparisons of a thing with itself stay below.
NOISE_TOLERANCES = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a change is held to, on the scale that it is taken on.

    `wanted` is the tolerance the user set, `noise` the 95th percentile of what runs differ from themselves
    (0 where it is not known). `floor` is in the metric's own unit.
    """

    wanted: float
    noise: float
    floor: float

    @property
    def tolerance(self) -> float:
        """max(what the user set, twice the 95th percentile of |A/A|)."""
        return max(self.wanted, NOISE_TOLERANCES * self.noise)

    @property
    def useful(self) -> float:
        """The widest interval, and the largest tolerance, that a pass may rest on."""
        return USEFUL_TOLERANCES * self.wanted


@dataclass(frozen=True, slots=True)
class Worse:
    """How much worse it got, with its interval: positive is worse. `difference` in the metric's own unit."""

    change: float
    low: float
    high: float
    difference: float

    @property
    def half_width(self) -> float:
        """Of the interval; nothing between two equal infinities, nan where there is no interval."""
        return 0.0 if self.low == self.high else (self.high - self.low) / 2


def decide(worse: Worse, limits: Limits) -> tuple[Verdict, str]:
    """The verdict, and why where the figures alone do not say.

    A regression only where the interval's lower bound passes the tolerance and the difference the floor; an
    improvement likewise on the other side. Otherwise a pass, if the interval ends within what the user set,
    or if both it and the tolerance are narrow enough to be of use; else nothing can be said.
    """
    if math.isnan(worse.low) or math.isnan(worse.high):
        return Verdict.INCONCLUSIVE, "no interval can be given"
    if (sure := _sure(worse, limits.tolerance)) is not None:
        small = abs(worse.difference) <= limits.floor
        return (Verdict.PASS, "sure, but too small to mind") if small else (sure, "")
    unclear = "" if worse.high <= limits.wanted else _unclear(worse, limits)
    return (Verdict.INCONCLUSIVE, unclear) if unclear else (Verdict.PASS, "")


def _sure(worse: Worse, tolerance: float) -> Verdict | None:
    """What the whole interval says."""
    if worse.low > tolerance:
        return Verdict.REGRESSION
    return Verdict.IMPROVED if worse.high < -tolerance else None


def _unclear(worse: Worse, limits: Limits) -> str:
    """Why a pass would mean nothing; empty where it would."""
    if worse.high - worse.low > limits.useful:
        return "the interval is too wide to say anything: more runs, or longer ones"
    if limits.tolerance > limits.useful:
        return "the runs differ from themselves by too much: longer runs, a quieter machine"
    return ""

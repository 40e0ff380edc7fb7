"""The evening clock: which minute of the evening it is, and what the other customers take then."""

from dataclasses import dataclass

import msgspec

from mockserver.profile import CurvePoint, Evening
from mockserver.rules import MINUTES_PER_DAY, When
from mockserver.units import US_PER_S


class EveningMoment(msgspec.Struct, frozen=True, gc=False):
    """An instant as rules look at it: seconds since the window's start, the minute, whether it is played."""

    elapsed_s: float
    minute: float
    playing: bool


@dataclass(frozen=True, slots=True)
class EveningClock:
    """An evening window laid over real time: its start at `origin_us`, its end `duration_s` later."""

    evening: Evening
    origin_us: int

    def elapsed_s(self, now_us: int) -> float:
        """Seconds since the start of the window; negative before it."""
        return (now_us - self.origin_us) / US_PER_S

    def minute(self, now_us: int) -> float:
        """The evening's minute, from the window's start to its end; past 1440 after midnight.

        Before the start it stands at the start, after the end at the end.
        """
        share = min(1.0, max(0.0, self.elapsed_s(now_us) / self.evening.duration_s))
        return self.evening.window.start_min + share * self.evening.window.length_min

    def moment(self, now_us: int) -> EveningMoment:
        """Now, for any number of rules; the evening is played once it has begun and until it is over."""
        elapsed_s = self.elapsed_s(now_us)
        return EveningMoment(elapsed_s, self.minute(now_us), 0 <= elapsed_s < self.evening.duration_s)


def in_force(when: When, clock: EveningClock, now_us: int) -> bool:
    """Whether a rule with this `when` applies now."""
    return applies(when, clock.moment(now_us))


def applies(when: When, moment: EveningMoment) -> bool:
    """Whether a rule with this `when` applies then; one with a window only while the evening is played."""
    return (
        (when.from_s is None or moment.elapsed_s >= when.from_s)
        and (when.to_s is None or moment.elapsed_s < when.to_s)
        and (when.window is None or (moment.playing and when.window.holds(moment.minute)))
    )


def background(curve: tuple[CurvePoint, ...], minute: float) -> float:
    """The fraction of the slots the others hold: linear between the points, and a loop of 24 hours."""
    if not curve:
        return 0.0
    first = curve[0]
    offset = (minute - first.minute) % MINUTES_PER_DAY
    x0, y0 = 0, first.fraction
    for point in curve[1:]:
        x1 = (point.minute - first.minute) % MINUTES_PER_DAY
        if offset < x1:
            return y0 + (point.fraction - y0) * (offset - x0) / (x1 - x0)
        x0, y0 = x1, point.fraction
    return y0 + (first.fraction - y0) * (offset - x0) / (MINUTES_PER_DAY - x0)

"""How many attempts may be in flight: numbers only; the permits themselves are the pipeline's."""

from __future__ import annotations

from math import floor
from typing import Protocol

from harness.model import Attempt, Outcome
from harness.policy.config import ConcurrencyConfig
from harness.policy.match import matches
from harness.policy.usual import Usual

#: Ten tenths add up to a little less than one.
ROUNDING = 1e-9


class Limit(Protocol):
    """Tell it of every attempt that ended, and read `limit` after it."""

    @property
    def limit(self) -> int | None:
        """Permits at this moment; None sets no bound."""

    def note(self, attempt: Attempt, in_use: int) -> None:
        """An attempt ended; `in_use` permits were held when it did, its own among them."""

    def restart(self, at: int) -> None:
        """Slow start: fall to `at`, grow by one an `ok` attempt until the normal limit is reached again."""


class NoLimit:
    """Any number."""

    limit = None

    def note(self, attempt: Attempt, in_use: int) -> None:
        """Nothing to learn."""

    def restart(self, at: int) -> None:
        """Nothing to start from."""


class StaticLimit:
    """Always the same number, but for a slow start."""

    def __init__(self, limit: int) -> None:
        self._normal = limit
        self.limit = limit

    def note(self, attempt: Attempt, in_use: int) -> None:
        """Climb back after a restart."""
        del in_use
        if self.limit < self._normal and attempt.outcome is Outcome.OK:
            self.limit += 1

    def restart(self, at: int) -> None:
        """Begin again at `at`, or at the limit if that is lower."""
        self.limit = min(at, self._normal)


class AimdLimit:
    """Additive increase, multiplicative decrease: one permit more a round of successes, times `decrease` a
    congestion event.

    After Netflix concurrency-limits' AIMDLimit: it grows only while at least half of it is used. As in TCP
    (RFC 5681) one event cuts once: what was sent before the last cut does not cut again, and there is one
    cut a round trip, the smoothed time of attempts that were `ok` (a 429 comes back at once); and below
    `threshold` it starts slowly, by one a success.
    """

    def __init__(self, config: ConcurrencyConfig) -> None:
        self._config = config
        self._level = float(config.initial)
        self._threshold = self._level
        self._cut_at_ns: int | None = None
        self._round_trip = Usual()
        self.limit = config.initial  # the whole permits of the level

    def note(self, attempt: Attempt, in_use: int) -> None:
        """Grow with a success, shrink with a sign of congestion."""
        if attempt.outcome is Outcome.OK:
            self._round_trip.note(attempt.end_ns - attempt.sent_ns)
            self._grow(in_use)
        elif matches(self._config.decrease_on, attempt) and self._is_news(attempt):
            self._cut_at_ns = attempt.end_ns
            self._threshold = max(float(self._config.min), self._level * self._config.decrease)
            self._set(min(self._level, self._threshold))

    def restart(self, at: int) -> None:
        """Begin again at `at`, also below `min`, with the present level as the aim."""
        self._threshold = max(self._threshold, self._level)
        self._set(min(self._level, float(at)))

    def _set(self, level: float) -> None:
        self._level = level
        self.limit = floor(level + ROUNDING)

    def _grow(self, in_use: int) -> None:
        if self._level < self._threshold:
            self._set(min(self._threshold, self._level + 1))
        elif in_use * 2 >= self.limit and self._level < self._config.max:
            self._set(min(float(self._config.max), self._level + 1 / self.limit))

    def _is_news(self, attempt: Attempt) -> bool:
        if self._cut_at_ns is None:
            return True
        in_next_round = attempt.end_ns >= self._cut_at_ns + self._round_trip.ns
        return in_next_round and attempt.sent_ns > self._cut_at_ns


def make_limit(config: ConcurrencyConfig) -> Limit:
    """The limit a policy asks for."""
    match config.kind:
        case "static":
            return StaticLimit(config.limit)
        case "aimd":
            return AimdLimit(config)
        case "off":
            return NoLimit()

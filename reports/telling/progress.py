"""How far long work is, and how long it may still take."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

from harness import clock
from reports.reading.run import NS_PER_S
from reports.telling import words

#: Between two lines where they do not replace each other.
LINE_EVERY_S = 5.0


class Progress:
    """A line such as "12 of 48 cells · about 3 min left"; on a terminal it changes, else one at times.

    Steps that cost nothing (their result was there) are done, and say nothing of the pace.
    """

    def __init__(
        self, total: int, what: str, to: TextIO | None = None, now_ns: Callable[[], int] = clock.now_ns
    ) -> None:
        self.total = total
        self._what = what
        self._to = sys.stderr if to is None else to
        self._now_ns = now_ns
        self._begun_ns = now_ns()
        self._said_ns = self._begun_ns
        self.done = self._played = 0
        self._on_terminal = self._to.isatty()

    def step(self, played: bool = True) -> None:  # noqa: FBT001, FBT002 - the one thing it is told
        """One more is done."""
        self.done += 1
        self._played += played
        now_ns = self._now_ns()
        if self._on_terminal:
            self._to.write(f"\r\x1b[K{self.line()}")
            self._to.flush()
        elif self.done == self.total or now_ns - self._said_ns >= LINE_EVERY_S * NS_PER_S:
            self._said_ns = now_ns
            self._to.write(f"{self.line()}\n")
            self._to.flush()

    def line(self) -> str:
        """How far it is now."""
        left = self.total - self.done
        line = f"{self.done} of {self.total} {self._what}"
        if left <= 0 or not self._played:
            return line
        each_s = (self._now_ns() - self._begun_ns) / NS_PER_S / self._played
        return f"{line} · about {words.duration(float(max(1, round(each_s * left))))} left"

    def close(self) -> None:
        """Leave the line as it stands."""
        if self._on_terminal and self.done:
            self._to.write("\n")


def say(line: str, to: TextIO | None = None) -> None:
    """Tell of a step of long work."""
    to = sys.stderr if to is None else to
    to.write(f"{line}\n")
    to.flush()

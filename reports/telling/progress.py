"""How far long work is, and how long it may still take."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from itertools import takewhile
from threading import Event, Thread
from typing import Self, TextIO

from harness import clock, terminal
from reports.reading.run import NS_PER_S
from reports.telling import words

#: Between two lines where they do not replace each other.
LINE_EVERY_S = 5.0

#: What is over so soon says nothing.
QUIET_S = 2.0


class Progress:
    """A line such as "12 of 48 cells · about 3 min left"; on a terminal it changes, else one at times.

    Steps that cost nothing (their result was there) are done, and say nothing of the pace. Where it is known
    that each takes `each_s`, a terminal is told of the time left from the start on, every second.
    """

    def __init__(
        self,
        total: int,
        what: str,
        to: TextIO | None = None,
        now_ns: Callable[[], int] = clock.now_ns,
        each_s: float | None = None,
    ) -> None:
        self.total = total
        self._what = what
        self._to = sys.stderr if to is None else to
        self._now_ns = now_ns
        self._each_s = each_s
        self._begun_ns = self._stepped_ns = now_ns()
        self._said_ns = self._begun_ns
        self.done = self._played = 0
        self._on_terminal = terminal.rewrites(self._to)
        self._closed = Event()
        self._ticking = Thread(target=self._tick, daemon=True)
        if each_s is not None and self._on_terminal:
            self._show()
            self._ticking.start()

    def step(self, played: bool = True) -> None:  # noqa: FBT001, FBT002 - the one thing it is told
        """One more is done."""
        self.done += 1
        self._played += played
        self._stepped_ns = now_ns = self._now_ns()
        if self._on_terminal:
            self._show()
        elif self.done == self.total or now_ns - self._said_ns >= LINE_EVERY_S * NS_PER_S:
            self._said_ns = now_ns
            self._to.write(f"{self.line()}\n")
            self._to.flush()

    def line(self) -> str:
        """How far it is now."""
        left = self.total - self.done
        line = f"{words.count(self.done)} of {words.count(self.total)} {self._what}"
        each_s = self._each_s
        if self._played:
            each_s = (self._stepped_ns - self._begun_ns) / NS_PER_S / self._played
        if left <= 0 or each_s is None:
            return line
        return f"{line} · {_left(each_s * left - (self._now_ns() - self._stepped_ns) / NS_PER_S)}"

    def close(self) -> None:
        """Leave the line as it stands."""
        self._closed.set()
        if self._ticking.ident is not None:
            self._ticking.join()
        if self._on_terminal and (self.done or self._each_s is not None):
            self._to.write("\n")

    def _show(self) -> None:
        self._to.write(terminal.anew(self.line()))
        self._to.flush()

    def _tick(self) -> None:
        while not self._closed.wait(1.0):
            self._show()


class Stages:
    """How far work of several stages is: "42 % · reading · about 12 s left"; short work says nothing.

    `shares` are the stages in their order, and the part of the whole time that each takes on long work. On a
    terminal the line changes and is gone in the end, else there is one at times.
    """

    def __init__(
        self, shares: Mapping[str, float], to: TextIO | None = None, now_ns: Callable[[], int] = clock.now_ns
    ) -> None:
        self._shares = shares
        self._to = sys.stderr if to is None else to
        self._now_ns = now_ns
        self._begun_ns = now_ns()
        self._said_ns = self._begun_ns
        self._stage = ""
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown and terminal.rewrites(self._to):
            self._to.write(terminal.anew(""))
            self._to.flush()

    def enter(self, stage: str) -> Callable[[float], None]:
        """A stage begins; whom to tell how far it is, from 0 to 1."""
        self._stage = stage
        self.at(0.0)
        return self.at

    def at(self, part: float) -> None:
        """So much of the stage is done."""
        now_ns = self._now_ns()
        elapsed_s = (now_ns - self._begun_ns) / NS_PER_S
        changes = terminal.rewrites(self._to)
        if elapsed_s < QUIET_S or not (changes or now_ns - self._said_ns >= LINE_EVERY_S * NS_PER_S):
            return
        self._said_ns, self._shown = now_ns, True
        line = self._line(part, elapsed_s)
        self._to.write(terminal.anew(line) if changes else f"{line}\n")
        self._to.flush()

    def _line(self, part: float, elapsed_s: float) -> str:
        before = list(takewhile(lambda stage: stage != self._stage, self._shares))
        done = (sum(self._shares[stage] for stage in before) + self._shares[self._stage] * part) / sum(
            self._shares.values()
        )
        line = f"{100 * done:.0f} % · {self._stage}"
        return f"{line} · {_left(elapsed_s * (1 - done) / done)}" if 0 < done < 1 else line


def say(line: str, to: TextIO | None = None) -> None:
    """Tell of a step of long work."""
    to = sys.stderr if to is None else to
    to.write(f"{terminal.anew('')}{line}\n" if terminal.rewrites(to) else f"{line}\n")
    to.flush()


def _left(seconds: float) -> str:
    return f"about {words.duration(float(max(1, round(seconds))))} left"

"""The live line of a headless run."""

from __future__ import annotations

import sys
from contextlib import suppress

from harness import terminal
from harness.play.tally import Tally
from harness.units import NS
from harness.workload.spans import MINUTE_S, Window


class Progress:
    """Prints a line a second on a terminal (in place), one every ten elsewhere."""

    def __init__(self, window: Window | None, length_s: float) -> None:
        self._window = window
        self._length_s = length_s
        self._tty = sys.stdout is not None and terminal.rewrites(sys.stdout)
        self._before = (0.0, 0)
        self._shown_s = float("-inf")
        self._open = False

    def show(self, tally: Tally, elapsed_ns: int, spent: str = "") -> None:
        """To be called about once a second; `spent` is what has become of a budget, in words."""
        elapsed_s = elapsed_ns / NS
        if not self._tty and elapsed_s - self._shown_s < 10:  # noqa: PLR2004
            return
        self._shown_s = elapsed_s
        self._open = self._tty
        line = self.line(tally, elapsed_s, spent)
        self._write(terminal.anew(line) if self._tty else f"{line}\n")

    def end(self) -> None:
        """Leave the line, if there is one."""
        if self._open:
            self._write("\n")
        self._open = False

    def _write(self, text: str) -> None:
        # Whoever read this may have gone (a closed pipe): the run goes on without.
        if sys.stdout is not None:
            with suppress(OSError):
                sys.stdout.write(text)
                sys.stdout.flush()

    def line(self, tally: Tally, elapsed_s: float, spent: str = "") -> str:
        """The clock in ICT, what is offered now, ok, failing, in flight, spent, time left."""
        since_s, before = self._before
        rate = max(0.0, (tally.scheduled - before) / max(elapsed_s - since_s, 1e-9))
        self._before = (elapsed_s, tally.scheduled)
        left_s = max(0.0, self._length_s - elapsed_s)
        share = min(1.0, max(0.0, elapsed_s / self._length_s))
        clock = f"{self._window.clock(share)} ICT" if self._window else f"{max(0.0, elapsed_s):5.0f} s"
        left = f"{int(left_s // MINUTE_S)}m{int(left_s % MINUTE_S):02d}s left" if left_s else "draining"
        return (
            f"{clock}  offered {rate:5.1f}/s  ok {tally.ok}  failing {tally.failed}"
            f"  in flight {tally.in_flight}{f'  spent {spent}' if spent else ''}  {left}"
        )

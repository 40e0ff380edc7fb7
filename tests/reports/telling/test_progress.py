"""The progress line, on a terminal and in a log, by a clock of the test's own."""

import io

from reports.telling.progress import Progress, say

S = 1_000_000_000


class Terminal(io.StringIO):
    """Somewhere a line can be written over."""

    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> int:
        return round(self.now_s * S)


def progress(total: int, to: io.StringIO) -> tuple[Progress, Clock]:
    clock = Clock()
    return Progress(total, "cells", to, clock), clock


def test_a_log_has_a_line_at_times_and_one_at_the_end() -> None:
    log = io.StringIO()
    steps, clock = progress(4, log)
    for at_s in (1.0, 6.0, 7.0, 8.0):
        clock.now_s = at_s
        steps.step()
    steps.close()
    # Two in 6 s, so two more take as long; the third came too soon after.
    assert log.getvalue() == "2 of 4 cells · about 6 s left\n4 of 4 cells\n"


def test_a_terminal_has_one_line_that_changes() -> None:
    terminal = Terminal()
    steps, clock = progress(3, terminal)
    clock.now_s = 100.0
    steps.step()
    clock.now_s = 200.0
    steps.step()
    steps.close()
    assert terminal.getvalue() == (
        "\r\x1b[K1 of 3 cells · about 3 min 20 s left\r\x1b[K2 of 3 cells · about 100 s left\n"
    )


def test_steps_that_were_there_already_say_nothing_of_the_pace() -> None:
    steps, clock = progress(10, io.StringIO())
    for _ in range(8):
        steps.step(played=False)
    assert steps.line() == "8 of 10 cells"
    clock.now_s = 30.0
    steps.step()
    assert steps.line() == "9 of 10 cells · about 30 s left"


def test_nothing_done_leaves_no_empty_line() -> None:
    terminal = Terminal()
    steps, _ = progress(3, terminal)
    steps.close()
    assert terminal.getvalue() == ""


def test_a_step_is_told_in_a_line() -> None:
    log = io.StringIO()
    say("in real time: best, 3 min", log)
    assert log.getvalue() == "in real time: best, 3 min\n"

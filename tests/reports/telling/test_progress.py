"""The progress line, on a terminal and in a log, by a clock of the test's own."""

import io

import pytest

from reports.telling.progress import Progress, Stages, say

S = 1_000_000_000


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")


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


def test_where_each_takes_a_known_time_it_is_told_from_the_start_on() -> None:
    clock = Clock()
    steps = Progress(4, "runs", io.StringIO(), clock, each_s=200.0)
    assert steps.line() == "0 of 4 runs · about 13 min 20 s left"
    clock.now_s = 60.0
    assert steps.line() == "0 of 4 runs · about 12 min 20 s left"
    clock.now_s = 100.0
    steps.step()
    assert steps.line() == "1 of 4 runs · about 5 min left"  # as it took, not as was thought
    clock.now_s = 999.0
    assert steps.line() == "1 of 4 runs · about 1 s left"


def test_a_terminal_is_told_at_once_where_each_takes_a_known_time() -> None:
    terminal = Terminal()
    steps = Progress(2, "runs", terminal, Clock(), each_s=30.0)
    steps.close()
    assert terminal.getvalue() == "\r\x1b[K0 of 2 runs · about 60 s left\n"


SHARES = {"reading": 0.5, "summing up": 0.3, "drawing": 0.2}


def test_stages_tell_the_part_of_the_whole_and_the_time_left() -> None:
    clock, log = Clock(), io.StringIO()
    with Stages(SHARES, log, clock) as stages:
        read = stages.enter("reading")
        clock.now_s = 5.0
        read(0.5)  # a quarter of all in 5 s
        clock.now_s = 9.9
        read(1.0)  # too soon after
        clock.now_s = 10.0
        stages.enter("summing up")
        clock.now_s = 20.0
        stages.enter("drawing")
    assert log.getvalue().splitlines() == [
        "25 % · reading · about 15 s left",
        "50 % · summing up · about 10 s left",
        "80 % · drawing · about 5 s left",
    ]


def test_short_work_says_nothing() -> None:
    for to in (Terminal(), io.StringIO()):
        clock = Clock()
        with Stages(SHARES, to, clock) as stages:
            read = stages.enter("reading")
            clock.now_s = 1.9
            read(0.9)
        assert to.getvalue() == ""


def test_a_terminal_keeps_nothing_of_the_stages() -> None:
    clock, terminal = Clock(), Terminal()
    with Stages(SHARES, terminal, clock) as stages:
        read = stages.enter("reading")
        clock.now_s = 4.0
        read(0.0)
        read(0.8)
    assert terminal.getvalue() == "\r\x1b[K0 % · reading\r\x1b[K40 % · reading · about 6 s left\r\x1b[K"


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    steps, clock = progress(1, terminal)
    clock.now_s = 6.0
    steps.step()
    assert terminal.getvalue() == "1 of 1 cells\n"


def test_nothing_done_leaves_no_empty_line() -> None:
    terminal = Terminal()
    steps, _ = progress(3, terminal)
    steps.close()
    assert terminal.getvalue() == ""


def test_a_step_is_told_in_a_line() -> None:
    log = io.StringIO()
    say("in real time: best, 3 min", log)
    assert log.getvalue() == "in real time: best, 3 min\n"

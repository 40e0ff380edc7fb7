"""The live line."""

import io
import sys

import pytest

from harness.bridge.progress import Progress
from harness.play.tally import Tally, from_message, total
from harness.units import NS
from harness.workload.spans import parse_window

WINDOW = parse_window("19:30-20:30")


def test_the_line_has_the_clock_the_counts_and_the_time_left() -> None:
    progress = Progress(WINDOW, 180.0)
    progress.line(Tally(scheduled=100), 80.0)
    line = progress.line(Tally(scheduled=280, ok=200, failed=30), 90.0)

    assert line == "20:00 ICT  offered  18.0/s  ok 200  failing 30  in flight 50  1m30s left"


def test_after_the_last_arrival_it_drains() -> None:
    assert Progress(WINDOW, 180.0).line(Tally(), 181.0).endswith("draining")


def test_without_an_evening_the_clock_is_seconds() -> None:
    assert Progress(None, 60.0).line(Tally(), 5.0).startswith("    5 s  offered")


def test_elsewhere_than_on_a_terminal_it_prints_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(WINDOW, 60.0)
    for second in range(25):
        progress.show(Tally(), second * NS)

    assert len(capsys.readouterr().out.splitlines()) == 3


def test_on_a_terminal_the_line_changes_and_is_left_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    progress = Progress(WINDOW, 60.0)
    progress.end()
    progress.show(Tally(), 0)
    progress.show(Tally(), NS)
    progress.end()
    progress.end()
    assert terminal.getvalue() == "\r\x1b[K19:30 ICT  offered \r\x1b[K19:31 ICT  offered \n"


def test_a_reader_that_has_gone_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    progress = Progress(WINDOW, 60.0)
    progress.show(Tally(), 0)
    progress.end()

    assert progress.line(Tally(), 1.0)


def test_tallies_of_workers_add_up_and_travel() -> None:
    one = Tally(scheduled=5, ok=3, failed=1, attempts=6, finished=True, arrivals_end_ns=7)
    two = Tally(scheduled=4, ok=4, attempts=4, finished=False, arrivals_end_ns=9)
    both = total([one, from_message(two.message())])

    assert (both.scheduled, both.ok, both.failed, both.attempts, both.in_flight) == (9, 7, 1, 10, 1)
    assert both.arrivals_end_ns == 9
    assert not both.finished

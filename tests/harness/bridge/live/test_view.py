"""What the master makes of pulses: rates, sums over workers, bounds, what is whole."""

from __future__ import annotations

import pytest

from harness.bridge.live.view import MOST_BINS, NOW_S, PATIENCE_S, View
from harness.play.pulse import Change, Gate, Pulse, step_of
from harness.units import NS

MS = 1_000_000


def _pulse(second: int, scheduled: int = 10, **fields: object) -> Pulse:
    return Pulse(second, scheduled=scheduled, **fields)  # type: ignore[arg-type]


def test_a_bin_sums_what_all_workers_counted_and_where_they_stood() -> None:
    view = View(2)
    took = {step_of(800 * MS): 3}
    one = _pulse(
        0, sent=6, calls={"ok": 3, "rejected": 1}, latency=took, in_flight=4, gates=[Gate("closed", 5, 3, 1)]
    )
    other = _pulse(0, scheduled=7, sent=2, calls={"ok": 4}, in_flight=2, gates=[Gate("open", 6, 0, 2)])
    view.add(0, one, 0)
    view.add(1, other, 0)
    (row,) = view.course(0, 1)
    assert (row["offered"], row["calls"]) == (17, {"ok": 7, "rejected": 1})
    assert row["attempts_a_call"] == 1.0  # 8 attempts of 8 calls
    assert (row["in_flight"], row["held"], row["waiting"], row["limit"]) == (6, 3, 3, 11)
    assert row["latency_ms"] == pytest.approx([800, 800], rel=0.045)
    assert row["ttft_ms"] == [None, None]


def test_permits_are_unlimited_if_those_of_one_worker_are() -> None:
    view = View(2)
    view.add(0, _pulse(0, gates=[Gate("closed", 5, 0, 0)]), 0)
    view.add(1, _pulse(0, gates=[Gate("closed", None, 0, 0)]), 0)
    assert view.course(0, 1)[0]["limit"] is None


def test_of_workers_without_clients_nothing_is_said_of_permits() -> None:
    view = View(1)
    view.add(0, _pulse(0, in_flight=7), 0)
    (row,) = view.course(0, 1)
    assert (row["in_flight"], row["held"], row["waiting"], row["limit"]) == (7, None, None, None)


def test_the_course_is_whole_as_far_as_every_worker_has_told_or_patience_lasts() -> None:
    view = View(3)
    for second in range(10):
        view.add(0, _pulse(second), 0)
        if second < 4:
            view.add(1, _pulse(second), 0)
    assert view.whole_s(5.0) == 5 - PATIENCE_S  # nobody waits for worker 2 any longer
    assert view.whole_s(5.0, frozenset({2})) == 4
    assert view.whole_s(10.9, frozenset({2})) == 10 - PATIENCE_S
    assert view.whole_s(-1.0) == 0


def test_only_bins_that_are_asked_for_and_whole_are_told() -> None:
    view = View(1)
    for second in range(10):
        view.add(0, _pulse(second, scheduled=second), 0)
    assert [row["offered"] for row in view.course(7, 9)] == [7, 8]


def test_a_long_run_has_no_more_bins_than_fit_and_their_rates_stay() -> None:
    view = View(1)
    seconds = 3 * MOST_BINS
    for second in range(seconds):
        view.add(0, _pulse(second, scheduled=20, in_flight=second), 0)
    assert view.width_s == 4
    rows = view.course(0, seconds)
    assert len(rows) == seconds // 4 <= MOST_BINS
    assert {row["offered"] for row in rows} == {20}
    assert [row["in_flight"] for row in rows[:3]] == [3, 7, 11]  # as of a bin's end
    assert view.course(449, seconds - 2) == []  # a bin that is half over is not told yet
    view.add(0, _pulse(seconds, scheduled=20), 0)
    assert view.course(450, seconds + 1, over=True)[0]["offered"] == 20


def test_now_is_the_last_seconds_and_overall_the_whole_of_it() -> None:
    view = View(1)
    for second in range(100):
        view.add(0, _pulse(second, scheduled=second, calls={"ok": second}), 0)
    assert view.now(100)["offered"] == 97  # the mean of 95 to 99
    assert view.now(3)["offered"] == 0  # long forgotten
    assert view.overall(100.0)["calls"] == {"ok": 49.5}
    young = View(1)
    young.add(0, _pulse(0, scheduled=30), 0)
    assert young.now(1)["offered"] == 30
    assert NOW_S == 5


def test_breakers_are_followed_each_by_its_own_and_told_of_once() -> None:
    view = View(2)
    opened, closed = Change(3.25, "breaker", "open"), Change(9.5, "breaker", "closed")
    view.add(1, _pulse(3, changes=[opened]), 5 * NS)
    view.add(1, _pulse(9, changes=[closed, Change(9.6, "fallback_breaker", "open")]), 11 * NS)
    assert {name: list(states) for name, states in view.workers[1].states.items()} == {
        "breaker": [(3.25, "open"), (9.5, "closed")],
        "fallback_breaker": [(9.6, "open")],
    }
    assert view.workers[0].states == {}
    assert [(h["number"], h["worker"], h["state"]) for h in view.happenings] == [
        (1, 1, "open"),
        (2, 1, "closed"),
        (3, 1, "open"),
    ]


def test_changes_beyond_what_a_pulse_holds_are_counted_for_everybody_to_see() -> None:
    view = View(1)
    view.add(0, _pulse(4, untold=12), 0)
    assert [(h["what"], h["at_s"], h["count"]) for h in view.happenings] == [("untold", 4, 12)]


def test_calls_that_back_off_are_as_many_as_the_seconds_they_wait_in_a_second() -> None:
    view = View(1)
    view.add(0, _pulse(0, backoff_s=7.5), 0)  # three calls of 2.5 s, say
    assert view.course(0, 1)[0]["backing_off"] == 7.5

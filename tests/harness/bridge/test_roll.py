"""The workers of a run: who is waited for, and what the ending says of them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from harness.bridge import roll as module
from harness.bridge.roll import RETURN_S, Roll
from harness.play.offer import steady_offer
from harness.play.tally import Tally
from harness.record.arrow import compressed
from harness.record.folder import Elsewhere
from harness.record.parcel import Parcel, Piece
from harness.units import NS

BESIDE, AWAY = f"{socket.gethostname()}_1", "w1_1"
DONE = Tally(scheduled=5, ok=5, recorded=5, finished=True)
FILE = "calls-1-0a1b2c3d.arrow"


class Wall:
    """A clock to be set."""

    s = 100.0

    def __call__(self) -> int:
        return round(self.s * NS)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    clock = Wall()
    monkeypatch.setattr(module, "wall_ns", clock)
    return clock


@pytest.fixture
def roll(tmp_path: Path, wall: Wall) -> Roll:
    return Roll([BESIDE, AWAY], tmp_path)


def arrive(roll: Roll, folder: Path, data: bytes = b"rows") -> None:
    """Something that worker 1 recorded."""
    piece = Piece(0, len(data), compressed(data))
    assert roll.take(AWAY, Parcel(folder.name, 1, "w1", "/runs/r", {FILE: piece}, 7)) is not None


def test_a_run_is_finished_when_every_worker_said_so(roll: Roll) -> None:
    roll.hear(BESIDE, DONE)
    assert not roll.finished
    roll.hear(AWAY, DONE)
    assert roll.finished
    assert roll.total.recorded == 10
    assert (roll.degraded(), roll.elsewhere()) == ([], {})


def test_a_worker_beside_the_master_that_is_lost_is_not_waited_for(roll: Roll) -> None:
    roll.hear(AWAY, DONE)
    roll.disappears(BESIDE)
    assert roll.finished
    assert roll.degraded() == ["worker 0 was lost: it disappeared"]


def test_one_on_another_host_may_come_back_for_a_while(roll: Roll, wall: Wall) -> None:
    roll.hear(BESIDE, DONE)
    roll.disappears(AWAY)
    assert not roll.finished
    wall.s += RETURN_S - 1
    roll.disappears(AWAY)  # said again every second
    assert not roll.finished
    wall.s += 1
    assert roll.finished

    roll.hear(AWAY, Tally())
    assert not roll.finished
    roll.hear(AWAY, DONE)
    assert roll.finished
    assert (roll.degraded(), roll.elsewhere()) == ([], {})


def test_one_that_leaves_is_waited_for_until_it_has_told_all(
    roll: Roll, caplog: pytest.LogCaptureFixture
) -> None:
    roll.hear(AWAY, DONE)
    for _ in range(3):  # it drains
        roll.leaves(BESIDE)
        roll.hear(BESIDE, Tally(scheduled=5))
        assert not roll.finished
    roll.hear(BESIDE, Tally(scheduled=5, finished=True, left=True))
    assert roll.finished
    assert [record.message for record in caplog.records] == [
        f"worker 0 leaves; it is waited for {RETURN_S:g} s"
    ]
    roll.close(stopped=False)
    assert roll.degraded() == ["worker 0 was lost: it was stopped before the end"]


def test_a_lost_one_is_told_of_by_where_its_records_are(roll: Roll, tmp_path: Path) -> None:
    roll.hear(AWAY, Tally(scheduled=3, recorded=2))
    arrive(roll, tmp_path)
    roll.disappears(AWAY)
    roll.hear(BESIDE, DONE)
    roll.close(stopped=False)

    assert roll.degraded() == []  # it is for who reads the folder to see what of them is there
    assert roll.elsewhere() == {"1": Elsewhere("w1", "/runs/r", {FILE: 4}, "it disappeared", ahead_ns=7)}
    assert roll.recorded() == {"0": 5, "1": 2}
    # 10 a second for 2 s: of those due within 1 s every second one is worker 1's, whatever it told.
    schedule = steady_offer(10, 2, "constant", 1).schedule
    assert schedule is not None
    due = sum(at_ns <= NS for at_ns in schedule.at_ns.tolist()[1::2])
    assert roll.scheduled(schedule, NS) == {"0": 5, "1": due}


def test_a_lost_one_of_which_nothing_arrived_is_told_of_by_its_host(roll: Roll, tmp_path: Path) -> None:
    roll.close(stopped=True)
    assert roll.elsewhere() == {"1": Elsewhere("w1", str(tmp_path), lost="it did not finish in time")}
    assert roll.degraded() == ["worker 0 was lost: it did not finish in time"]


def test_one_that_left_early_degrades_the_run_though_its_records_arrived(roll: Roll, tmp_path: Path) -> None:
    for worker in (BESIDE, AWAY):
        roll.hear(worker, Tally(finished=True, left=True))
    arrive(roll, tmp_path)
    roll.close(stopped=False)

    early = "was lost: it was stopped before the end"
    assert roll.degraded() == [f"worker 0 {early}", f"worker 1 on w1 {early}"]
    assert roll.elsewhere()["1"].lost == ""


def test_what_a_worker_itself_says_is_wrong_names_its_host(roll: Roll) -> None:
    for worker in (BESIDE, AWAY):
        roll.hear(worker, Tally(finished=True, degraded="no disk"))
    assert roll.degraded() == ["no disk", "worker 1 on w1: no disk"]


def test_records_that_cannot_be_taken_are_said_once(
    roll: Roll, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = Parcel(tmp_path.name, 1, "w1", "/runs/r", {"manifest.json": Piece(0, 1, compressed(b"x"))})
    for _ in range(2):
        receipt = roll.take(AWAY, bad)
        assert receipt is not None
        assert receipt.refused
    said = [record.message for record in caplog.records]
    assert said == ["no more records of worker 1 on w1 are taken: 'manifest.json' is no file of worker 1"]


def test_what_is_no_worker_s_is_not_minded(roll: Roll, tmp_path: Path) -> None:
    roll.hear("late_1", DONE)
    assert roll.take("late_1", Parcel(tmp_path.name, 1, "late", "/", {})) is None
    assert roll.total.recorded == 0

"""Records on their way from an outbox to an inbox, over a connection that loses, doubles and delays."""

from __future__ import annotations

import random
from collections.abc import Callable
from io import FileIO
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.record import inbox, outbox
from harness.record.arrow import compressed, restored
from harness.record.inbox import Inbox
from harness.record.outbox import Outbox
from harness.record.parcel import Parcel, Piece, Receipt, message, received

RUN, HOST = "20261126T120000-steady-tuned", "w1"
NAMES = ("calls-1-0a1b2c3d.arrow", "attempts-1-0a1b2c3d.arrow", "events-1-0a1b2c3d.arrow")


class Wire:
    """A worker's folder and the master's, and what runs between them."""

    def __init__(self, folder: Path) -> None:
        self.there, self.here = folder / "worker", folder / "master"
        self.there.mkdir(parents=True)
        self.here.mkdir()
        self.paths = [self.there / name for name in NAMES]
        for path in self.paths:
            path.touch()
        ticks = count(0, 10)
        self.outbox = Outbox(self.paths, RUN, HOST, lambda: next(ticks))
        self.inbox = Inbox(self.here, RUN, lambda: next(ticks))

    def grow(self, *sizes: int) -> None:
        """The worker records; every byte tells its place."""
        for path, size in zip(self.paths, sizes, strict=False):
            start = path.stat().st_size
            with path.open("ab") as file:
                file.write(bytes((start + i) * 7 % 251 for i in range(size)))

    def deliver(self, parcel: Parcel) -> None:
        """There and back without loss, as both travel."""
        receipt = self.inbox.take(1, received(message(parcel), Parcel))
        assert receipt is not None
        self.outbox.answered(received(message(receipt), Receipt))

    def settle(self) -> None:
        """The connection holds: everything arrives."""
        for _ in range(200):
            for parcel in self.outbox.due():
                self.deliver(parcel)

    def assert_same(self) -> None:
        assert self.outbox.left_bytes == 0
        for path in self.paths:
            mirrored = self.here / path.name
            assert (mirrored.read_bytes() if mirrored.exists() else b"") == path.read_bytes()


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    return Wire(tmp_path)


def test_what_files_have_grown_by_arrives_in_one_parcel_a_time(wire: Wire) -> None:
    for sizes in ((100, 50, 8), (300, 0, 0), (0, 7, 1)):
        wire.grow(*sizes)
        (parcel,) = wire.outbox.due()
        assert [piece.size for piece in parcel.pieces.values()] == [size for size in sizes if size]
        wire.deliver(parcel)
    assert wire.outbox.due() == []
    wire.assert_same()
    kept = wire.inbox.kept[1]
    assert (kept.host, kept.folder, kept.refused) == (HOST, str(wire.there), "")
    assert kept.files == dict(zip(NAMES, (400, 57, 9), strict=True))


def test_a_lost_parcel_is_noticed_by_the_next_and_sent_again(wire: Wire) -> None:
    wire.grow(100, 100, 100)
    wire.outbox.due()  # lost
    wire.grow(50)
    (second,) = wire.outbox.due()
    wire.deliver(second)
    assert wire.outbox.left_bytes == 350

    (third,) = wire.outbox.due()
    assert [piece.offset for piece in third.pieces.values()] == [0, 0, 0]
    wire.deliver(third)
    wire.assert_same()


def test_what_was_on_its_way_behind_a_lost_parcel_is_sent_again_once(wire: Wire) -> None:
    parcels = []
    for _ in range(3):
        wire.grow(100)
        parcels += wire.outbox.due()
    second, third = (wire.inbox.take(1, parcel) for parcel in parcels[1:])  # the first is lost
    assert second is not None
    assert third is not None
    wire.outbox.answered(second)
    (again,) = wire.outbox.due()
    assert [piece.offset for piece in again.pieces.values()] == [0]
    wire.outbox.answered(third)
    (question,) = wire.outbox.due()
    assert question.pieces == {}
    wire.deliver(again)
    wire.assert_same()


def test_a_lost_last_parcel_is_asked_about(wire: Wire) -> None:
    wire.grow(100)
    wire.outbox.due()  # lost
    (question,) = wire.outbox.due()
    assert question.pieces == {}
    wire.deliver(question)
    (again,) = wire.outbox.due()
    wire.deliver(again)
    wire.assert_same()


def test_a_lost_receipt_costs_a_question_and_nothing_is_sent_twice(wire: Wire) -> None:
    wire.grow(100)
    (parcel,) = wire.outbox.due()
    wire.inbox.take(1, parcel)  # its receipt is lost
    (question,) = wire.outbox.due()
    wire.deliver(question)
    assert wire.outbox.due() == []
    wire.assert_same()


def test_no_more_is_on_its_way_than_the_window_holds(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PARCEL_BYTES", 100)
    monkeypatch.setattr(outbox, "WINDOW_BYTES", 250)
    wire.grow(1000, 90, 10)
    parcels = wire.outbox.due()
    assert [sum(p.size for p in parcel.pieces.values()) for parcel in parcels] == [100, 100, 50]
    for _ in range(1000):  # cut off for long: one question at a time, and a bounded memory
        (question,) = wire.outbox.due()
        assert question.pieces == {}
    assert len(wire.outbox._unanswered) == outbox.MOST_UNANSWERED

    wire.deliver(question)
    wire.settle()
    wire.assert_same()


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_any_loss_doubling_and_delay_leaves_prefixes_and_then_equal_files(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the connection does: what is there is a prefix, and all of it once the connection holds."""
    dice = random.Random(seed)
    wire = Wire(tmp_path_factory.mktemp("wire"))
    there: list[Parcel] = []
    back: list[Receipt] = []

    def some(waiting: list, use: Callable[[object], None]) -> None:  # type: ignore[type-arg]
        """Some arrive, some twice, some never; the rest waits."""
        dice.shuffle(waiting)
        for thing in [waiting.pop() for _ in range(dice.randint(0, len(waiting)))]:
            for _ in range(dice.choice((0, 1, 1, 2))):
                use(thing)

    def arrive(parcel: object) -> None:
        assert isinstance(parcel, Parcel)
        receipt = wire.inbox.take(1, parcel)
        assert receipt is not None
        back.append(receipt)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox, "PARCEL_BYTES", 64)
        patch.setattr(outbox, "WINDOW_BYTES", 200)
        for _ in range(30):
            wire.grow(*(dice.randint(0, 60) for _ in NAMES))
            there += wire.outbox.due()
            some(there, arrive)
            some(back, wire.outbox.answered)
            for mirrored in wire.here.iterdir():
                assert (wire.there / mirrored.name).read_bytes().startswith(mirrored.read_bytes())
        wire.settle()
    wire.assert_same()


def test_two_workers_are_kept_apart(wire: Wire, tmp_path: Path) -> None:
    other = tmp_path / "calls-0-00000000.arrow"
    other.write_bytes(b"of worker 0")
    others = Outbox([other], RUN, "w0", lambda: 0)
    wire.grow(10, 10, 10)
    for worker, sender in ((0, others), (1, wire.outbox)):
        receipt = wire.inbox.take(worker, sender.due()[0])
        assert receipt is not None
        sender.answered(receipt)
    assert (others.left_bytes, wire.outbox.left_bytes) == (0, 0)
    assert {worker: kept.host for worker, kept in wire.inbox.kept.items()} == {0: "w0", 1: HOST}


def test_parcels_of_another_run_are_not_taken_and_its_receipts_not_minded(wire: Wire) -> None:
    wire.grow(10)
    (parcel,) = wire.outbox.due()
    assert Inbox(wire.here, "another", lambda: 0).take(1, parcel) is None
    wire.outbox.answered(Receipt("another", parcel.number, {NAMES[0]: 10}, 0))
    assert wire.outbox.left_bytes == 10
    assert list(wire.here.iterdir()) == []


def test_after_the_run_no_more_is_taken_and_the_worker_stops_sending(wire: Wire) -> None:
    wire.grow(10)
    wire.deliver(wire.outbox.due()[0])
    wire.inbox.close()
    wire.grow(10)
    wire.deliver(wire.outbox.due()[0])
    assert wire.outbox.refused == "the run has ended"
    assert wire.outbox.due() == []
    assert wire.outbox.left_bytes == 10
    assert (wire.here / NAMES[0]).stat().st_size == 10


def test_a_full_disk_is_said_to_the_worker_and_kept_for_the_ending(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inbox.Inbox, "_append", full)
    wire.grow(10)
    wire.deliver(wire.outbox.due()[0])
    assert wire.outbox.refused == wire.inbox.kept[1].refused == "No space left on device"


def test_what_a_full_disk_took_in_part_is_cut_back_to_what_is_noted(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More would pass for a copy of the worker's file, and nobody would be told to fetch it."""
    wire.grow(10)
    wire.deliver(wire.outbox.due()[0])

    def full(file: FileIO, data: bytes) -> None:
        file.write(data[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inbox, "_write_all", full)
    wire.grow(10, 10)
    wire.deliver(wire.outbox.due()[0])
    kept = wire.inbox.kept[1]
    assert kept.refused == "No space left on device"
    assert {name: (wire.here / name).stat().st_size for name in kept.files} == kept.files
    assert kept.files[NAMES[0]] == 10


def test_a_worker_that_turns_out_to_share_the_folder_is_let_write_there(wire: Wire) -> None:
    for path in wire.paths:
        (wire.here / path.name).write_bytes(b"its own")
    wire.grow(10, 10, 10)
    wire.deliver(wire.outbox.due()[0])
    assert wire.inbox.kept == {}
    assert wire.outbox.left_bytes == 0
    assert all((wire.here / path.name).read_bytes() == b"its own" for path in wire.paths)


@pytest.mark.parametrize(
    "name", ["calls-0-0a1b2c3d.arrow", "../calls-1-0a1b2c3d.arrow", "manifest.json", "calls-1-.arrow"]
)
def test_a_name_that_is_no_file_of_the_worker_is_refused(name: str, wire: Wire) -> None:
    parcel = Parcel(RUN, 1, HOST, "/runs", {name: Piece(0, 1, compressed(b"x"))})
    receipt = wire.inbox.take(1, parcel)
    assert receipt is not None
    assert receipt.refused == f"{name!r} is no file of worker 1"
    assert list(wire.here.iterdir()) == []


@pytest.mark.parametrize("piece", [Piece(0, 2, b"garbage"), Piece(0, 5 << 20, b""), Piece(-1, 2, b"")])
def test_a_piece_that_is_none_is_refused(piece: Piece, wire: Wire) -> None:
    receipt = wire.inbox.take(1, Parcel(RUN, 1, HOST, "/runs", {NAMES[0]: piece}))
    assert receipt is not None
    assert receipt.refused
    assert receipt.there == {}


def test_the_quickest_round_trip_tells_how_far_the_clocks_are_apart(wire: Wire) -> None:
    worker_ns = iter((1_000, 1_400, 3_000, 3_100))  # sent, received; sent, received
    sender = Outbox(wire.paths, RUN, HOST, lambda: next(worker_ns))
    for at_ns, ahead_ns in ((700, 500), (2_500, 550)):  # (1000 + 1400) / 2 - 700, (3000 + 3100) / 2 - 2500
        wire.grow(1)
        (parcel,) = sender.due()
        sender.answered(Receipt(RUN, parcel.number, {NAMES[0]: parcel.pieces[NAMES[0]].size}, at_ns))
        assert sender.ahead_ns == ahead_ns


@given(st.binary(max_size=4096))
def test_what_is_compressed_is_restored(data: bytes) -> None:
    assert restored(compressed(data), len(data)) == data

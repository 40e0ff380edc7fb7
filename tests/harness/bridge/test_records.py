"""Where a worker keeps its records, and how they are delivered at its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.bridge import records
from harness.bridge.plan import Plan
from harness.bridge.records import DELIVER_S, LOOK_S, Courier, keep_records
from harness.record.inbox import Inbox
from harness.record.parcel import Parcel, message, received

RUN = "20261126T120000-steady-tuned"


def plan(folder: Path) -> Plan:
    return Plan(RUN, str(folder), 42, "http://192.0.2.7", ["a", "b"], 1, True, 1.0, False, {}, "")


def manifest(folder: Path, started_unix_ns: int) -> None:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"run": RUN, "started_unix_ns": started_unix_ns}))


def lose(_: dict[str, Any]) -> None:
    """The master does not hear it."""


def test_a_worker_that_sees_the_run_s_manifest_writes_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / RUN
    manifest(folder, 42)
    recorder, courier = keep_records(plan(folder), 1, 0, lose)
    recorder.close()
    assert courier is None
    assert {path.parent for path in recorder.paths} == {folder}


def test_one_that_does_not_makes_the_folder_on_its_own_host_and_sends(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / RUN
    recorder, courier = keep_records(plan(folder), 1, 0, lose)
    recorder.close()
    assert courier is not None
    assert {path.parent for path in recorder.paths} == {folder}


def test_a_folder_of_another_run_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / RUN
    manifest(folder, 41)
    recorder, courier = keep_records(plan(folder), 1, 0, lose)
    recorder.close()
    assert courier is not None
    (kept,) = {path.parent for path in recorder.paths}
    assert kept.name.startswith(f"{RUN}-")
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]


def test_who_made_the_run_s_folder_sends_to_nobody(tmp_path: Path) -> None:
    recorder, courier = keep_records(plan(tmp_path), 0, 0, None)
    recorder.close()
    assert courier is None


class Line:
    """To a master that does not hear the first `deaf` parcels."""

    def __init__(self, folder: Path, deaf: int) -> None:
        self.there, here = folder / "worker", folder / "master"
        self.there.mkdir()
        here.mkdir()
        self.path = self.there / "calls-0-0a1b2c3d.arrow"
        self.path.write_bytes(b"rows" * 1000)
        self.inbox = Inbox(here, RUN, lambda: 0)
        self.deaf = deaf
        self.courier = Courier([self.path], RUN, self.send)

    def send(self, document: dict[str, Any]) -> None:
        self.deaf -= 1
        if self.deaf < 0:
            receipt = self.inbox.take(0, received(document, Parcel))
            assert receipt is not None
            self.courier.on_receipt(message(receipt))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time passes at once."""
    passed: list[float] = []
    monkeypatch.setattr(records.gevent, "sleep", passed.append)
    return passed


def test_delivering_ends_when_everything_is_there(tmp_path: Path, waits: list[float]) -> None:
    line = Line(tmp_path, deaf=3)
    line.courier.deliver()
    assert (tmp_path / "master" / line.path.name).read_bytes() == line.path.read_bytes()
    assert len(waits) < 10


def test_delivering_to_nobody_is_given_up_and_said(
    tmp_path: Path, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    line = Line(tmp_path, deaf=1000)
    line.courier.deliver()
    assert sum(waits) == pytest.approx(DELIVER_S, abs=2 * LOOK_S)
    assert (
        f"4000 bytes of records are not with the master: it does not answer; all are in {line.there}"
        in caplog.text
    )


def test_what_the_master_refuses_is_not_delivered(
    tmp_path: Path, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    line = Line(tmp_path, deaf=0)
    line.inbox.close()
    line.courier.deliver()
    assert len(waits) == 1
    assert "are not with the master: the run has ended; all are in" in caplog.text

"""How records are delivered at a worker's end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.bridge import courier
from harness.bridge.courier import DELIVER_S, LOOK_S, Courier
from harness.record.inbox import Inbox
from harness.record.parcel import Parcel, message, received

RUN = "20261126T120000-steady-tuned"


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
    monkeypatch.setattr(courier.gevent, "sleep", passed.append)
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

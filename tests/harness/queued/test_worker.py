"""A worker of a run: what it leaves when its serving goes wrong."""

import asyncio
from pathlib import Path
from typing import cast

import pyarrow as pa
import pytest

from harness.model import BreakerChanged
from harness.queue import ServerRefused
from harness.queue.worker import Worker
from harness.queued.plan import Start
from harness.queued.worker import Recording, _until_told
from tests.harness.queued.test_crew import plan


class Refused:
    """A worker whose client told of something, and which then is let in no more."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    async def run(self) -> None:
        self._recording.listen(BreakerChanged(2, "closed", "open"))
        raise ServerRefused("the server does not let us in")

    def stop(self) -> None:
        """It has."""


def test_what_a_worker_had_recorded_is_written_when_it_fails(tmp_path: Path) -> None:
    recording = Recording(plan(tmp_path, None), Start(1))

    async def main() -> None:
        worker = cast("Worker", Refused(recording))
        await _until_told(worker, recording, asyncio.Event(), asyncio.StreamReader())

    with pytest.raises(ServerRefused):
        asyncio.run(main())

    (events,) = tmp_path.glob("events-1-*.arrow")
    with pa.ipc.open_stream(events) as rows:
        assert rows.read_all().num_rows == 1

"""Where a worker keeps its records: in the run's folder, where it shares that with the master.

Where it does not, it keeps them on its own host and sends them to the master as they are written.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent

from harness.bridge.plan import Plan
from harness.clock import wall_ns
from harness.errors import ConfigError
from harness.record.outbox import Outbox
from harness.record.parcel import Receipt, message, received
from harness.record.recorder import Recorder

#: A worker waits so long, at its end, for the master to say that something more has arrived.
DELIVER_S = 8.0

#: How often it looks, and sends, while it waits.
LOOK_S = 0.1

logger = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], None]


class Courier:
    """Sends the files at `paths` to the master, as far as they are written; `send` may lose what it is given.

    To be used on the hub.
    """

    def __init__(self, paths: list[Path], run: str, send: Send) -> None:
        self._outbox = Outbox(paths, run, socket.gethostname(), wall_ns)
        self._folder = paths[0].parent
        self._send = send
        logger.info(
            "this host does not share the run's folder: its records go to the master, and to %s", self._folder
        )

    def carry(self) -> None:
        """Send what is new. To be called once a second. Raises OSError for what cannot be read."""
        for parcel in self._outbox.due():
            self._send(message(parcel))

    def on_receipt(self, document: dict[str, Any]) -> None:
        """The master says how far it came."""
        self._outbox.answered(received(document, Receipt))

    def deliver(self) -> None:
        """Wait until everything has arrived, as long as there is progress. Raises OSError."""
        left = self._outbox.left_bytes
        idle_s = 0.0
        while left and idle_s < DELIVER_S and not self._outbox.refused:
            self.carry()
            gevent.sleep(LOOK_S)
            before, left = left, self._outbox.left_bytes
            idle_s = 0.0 if left < before else idle_s + LOOK_S
        if left:
            why = self._outbox.refused or "it does not answer"
            logger.warning(
                "%d bytes of records are not with the master: %s; all are in %s", left, why, self._folder
            )


def keep_records(
    plan: Plan, index: int, origin_ns: int, send: Send | None
) -> tuple[Recorder, Courier | None]:
    """A process's recorder, and what takes its records to the master where that does not see them.

    On another host they are kept under the same path, if that can be made there. Without `send` this process
    made the run's folder. Raises ConfigError where nothing can be written.
    """
    folder = Path(plan.folder)
    try:
        if send is None or _is_of(folder / "manifest.json", plan):
            return Recorder(folder, index, origin_ns), None
        folder = _own(folder, plan.run)
        recorder = Recorder(folder, index, origin_ns)
    except OSError as error:
        raise ConfigError(f"the run folder {folder} cannot be written: {error.strerror}") from error
    return recorder, Courier(recorder.paths, plan.run, send)


def _own(folder: Path, run: str) -> Path:
    """A folder on this host; a temporary one where the run's cannot be made, or is of another run's."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK) and not (folder / "manifest.json").exists():
            return folder
    return Path(tempfile.mkdtemp(prefix=f"{run}-"))


def _is_of(manifest: Path, plan: Plan) -> bool:
    """Whether this is the manifest that was written for this run."""
    try:
        document = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return False
    return (document.get("run"), document.get("started_unix_ns")) == (plan.run, plan.started_unix_ns)

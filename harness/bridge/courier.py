"""What takes a worker's records to the master, where that does not see them."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent

from harness.clock import wall_ns
from harness.record.outbox import Outbox
from harness.record.parcel import Receipt, message, received

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

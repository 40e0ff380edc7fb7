"""A body that arrives in drops, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import compress

from harness.sim.loop import VirtualLoop
from harness.sim.provider import Line
from mockserver.units import NS_PER_US, US_PER_S

#: As mockserver.server.drip: a drop is what is due in so long, and at least a byte.
DROP_US = 20_000


class Drip:
    """Sends what it is given at a steady rate, counted in bytes as they go over the wire: the framing of
    chunks takes its time, too, though nothing of it is told.
    """

    def __init__(self, line: Line, loop: VirtualLoop, bytes_per_s: float) -> None:
        self._line = line
        self._loop = loop
        self._drop = max(1, round(bytes_per_s * DROP_US / US_PER_S))
        self._pause_us = round(self._drop / bytes_per_s * US_PER_S)
        self._wire = bytearray()
        self._body = bytearray()  # for each byte on the wire: whether it is of the body
        self._due_us: int | None = None  # of the next drop; None when it rests
        self._settled: Callable[[], None] | None = None
        self._stopped = False

    def put(self, data: bytes, *, chunked: bool) -> None:
        """A part of the body; `chunked`: in a chunk of its own."""
        if not data or self._stopped:
            return
        before, after = (len(b"%x\r\n" % len(data)), 2) if chunked else (0, 0)
        self._wire += bytes(before) + data + bytes(after)
        self._body += bytes(before) + b"\1" * len(data) + bytes(after)
        if self._due_us is None:
            self._due_us = self._loop.now_ns() // NS_PER_US
            self._pour()

    def settled(self, then: Callable[[], None]) -> None:
        """Call when all has been sent and the last drop has had its time."""
        if self._due_us is None:
            then()
        else:
            self._settled = then

    def stop(self) -> None:
        """Nobody waits for it any more."""
        self._stopped = True

    def _pour(self) -> None:
        if self._stopped or self._due_us is None:
            return
        if not self._wire:
            self._due_us = None
            if self._settled is not None:
                self._settled()
            return
        size = self._drop
        data = bytes(compress(self._wire[:size], self._body[:size]))
        del self._wire[:size], self._body[:size]
        self._due_us += self._pause_us
        self._loop.call_at(self._due_us / US_PER_S, self._pour)
        self._line.data(data)

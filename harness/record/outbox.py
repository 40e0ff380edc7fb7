"""A worker's records on their way to another machine: what its files have grown by, until it is there.

The files are the buffer: nothing is held in memory but how far each was sent and how far it is known to have
come. So a connection that was lost for a while costs nothing but time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.record.arrow import compressed
from harness.record.parcel import Parcel, Piece, Receipt

#: The most one parcel holds, before it is compressed: a second of some 3,500 calls.
PARCEL_BYTES = 1 << 20

#: The most that may be on its way without a receipt; then it is only asked how far it came. Heartbeats of
#: Locust's stand in line behind it.
WINDOW_BYTES = 8 << 20

#: Parcels whose receipt is waited for. That an older one was lost is shown by a later one's.
MOST_UNANSWERED = 64


class _Sent(NamedTuple):
    """A parcel on its way: how far the files were sent with it, and when it left."""

    number: int
    ends: dict[str, int]
    unix_ns: int


class Outbox:
    """The files at `paths` of one folder, which only grow, for `run`; `host` is this machine's name.

    `wall_ns` is the clock by which the two sides compare theirs.
    """

    def __init__(self, paths: Sequence[Path], run: str, host: str, wall_ns: Callable[[], int]) -> None:
        self.refused = ""
        self.ahead_ns: int | None = None
        self._paths = {path.name: path for path in paths}
        self._run, self._host, self._folder = run, host, str(paths[0].parent)
        self._wall_ns = wall_ns
        self._sent = dict.fromkeys(self._paths, 0)
        self._there = dict.fromkeys(self._paths, 0)
        self._unanswered: deque[_Sent] = deque(maxlen=MOST_UNANSWERED)
        self._number = 0
        self._round_trip_ns: int | None = None

    @property
    def left_bytes(self) -> int:
        """What is on disk here and not known to be there."""
        return sum(path.stat().st_size - self._there[name] for name, path in self._paths.items())

    def due(self) -> list[Parcel]:
        """What is to be sent now; to be asked about once a second. Raises OSError for what cannot be read."""
        if self.refused:
            return []
        parcels = []
        while pieces := self._pieces():
            parcels.append(self._parcel(pieces))
        if not parcels and self._unanswered:
            parcels.append(self._parcel({}))
        return parcels

    def answered(self, receipt: Receipt) -> None:
        """Note how far it came. What is known to be lost by now is sent again."""
        if receipt.run != self._run:
            return
        self.refused = self.refused or receipt.refused
        for name, there in receipt.there.items():
            if name in self._there:
                self._there[name] = max(self._there[name], there)
        sent = next((s for s in self._unanswered if s.number == receipt.number), None)
        if sent is None:
            return
        self._compare_clocks(sent.unix_ns, receipt.at_unix_ns)
        if any(self._there[name] < end for name, end in sent.ends.items()):
            self._sent = dict(self._there)
            self._unanswered.clear()  # what was sent since does not fit, either
        while self._unanswered and self._unanswered[0].number <= receipt.number:
            self._unanswered.popleft()

    def _pieces(self) -> dict[str, Piece]:
        """The next of every file, as much as may go."""
        on_its_way = sum(self._sent.values()) - sum(self._there.values())
        room = min(PARCEL_BYTES, WINDOW_BYTES - on_its_way)
        pieces = {}
        for name, path in self._paths.items():
            offset = self._sent[name]
            size = min(path.stat().st_size - offset, room)
            if size > 0:
                pieces[name] = Piece(offset, size, compressed(_read(path, offset, size)))
                self._sent[name] += size
                room -= size
        return pieces

    def _parcel(self, pieces: dict[str, Piece]) -> Parcel:
        self._number += 1
        self._unanswered.append(_Sent(self._number, dict(self._sent), self._wall_ns()))
        return Parcel(self._run, self._number, self._host, self._folder, pieces, self.ahead_ns)

    def _compare_clocks(self, sent_unix_ns: int, at_unix_ns: int) -> None:
        """The quickest receipt tells most: ahead = (sent + received) / 2 - theirs, to half its round trip."""
        now_ns = self._wall_ns()
        if self._round_trip_ns is None or now_ns - sent_unix_ns < self._round_trip_ns:
            self._round_trip_ns = now_ns - sent_unix_ns
            self.ahead_ns = (sent_unix_ns + now_ns) // 2 - at_unix_ns


def _read(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)

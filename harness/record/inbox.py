"""Records of workers on other machines, as they arrive in the run folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from harness.record.arrow import restored
from harness.record.outbox import PARCEL_BYTES
from harness.record.parcel import Parcel, Piece, Receipt
from harness.record.schema import TABLES


@dataclass(slots=True)
class Kept:
    """What a worker keeps on another machine, so far: see `harness.record.folder.Elsewhere`.

    `files` are those of which something arrived, with how many bytes.
    """

    host: str
    folder: str
    files: dict[str, int] = field(default_factory=dict)
    refused: str = ""
    ahead_ns: int | None = None


class Inbox:
    """Writes what arrives for `run` to files of the same names in `folder`, in order and once."""

    def __init__(self, folder: Path, run: str, wall_ns: Callable[[], int]) -> None:
        self.kept: dict[int, Kept] = {}
        self._folder = folder
        self._run = run
        self._wall_ns = wall_ns
        self._sharing: set[int] = set()
        self._closed = False

    def take(self, worker: int, parcel: Parcel) -> Receipt | None:
        """Write what is new in a worker's parcel; None for one of another run.

        What does not fit to what is here is left: the receipt shows it, and it is sent again.
        """
        if parcel.run != self._run:
            return None
        if self._closed:
            return self._receipt(parcel, {}, "the run has ended")
        if worker not in self._sharing:
            self._write(worker, parcel)
        if worker in self._sharing:
            return self._receipt(parcel, {name: p.offset + p.size for name, p in parcel.pieces.items()})
        kept = self.kept[worker]
        return self._receipt(parcel, dict(kept.files), kept.refused)

    def close(self) -> None:
        """Take no more: the run is about to be summed up."""
        self._closed = True

    def _write(self, worker: int, parcel: Parcel) -> None:
        kept = self.kept.setdefault(worker, Kept(parcel.host, parcel.folder))
        kept.ahead_ns = parcel.ahead_ns
        try:
            for name, piece in parcel.pieces.items():
                if not kept.refused:
                    _check(name, worker, piece)
                    self._append(kept.files, name, piece)
        except FileExistsError:
            # It does share this folder, but did not see the manifest in time: it writes here itself.
            self._sharing.add(worker)
            del self.kept[worker]
        except OSError as error:
            kept.refused = error.strerror or str(error)
        except ValueError as error:
            kept.refused = str(error)

    def _append(self, files: dict[str, int], name: str, piece: Piece) -> None:
        here = files.get(name, 0)
        known = here - piece.offset
        if not 0 <= known < piece.size:
            return
        data = restored(piece.data, piece.size)[known:]
        path = self._folder / name
        with path.open("ab" if name in files else "xb", buffering=0) as file:
            files[name] = here
            try:
                _write_all(file, data)
            except OSError:
                # What is noted must be what is here: more would pass for a copy of the worker's own file.
                os.truncate(path, here)
                raise
        files[name] = here + len(data)

    def _receipt(self, parcel: Parcel, here: dict[str, int], refused: str = "") -> Receipt:
        return Receipt(self._run, parcel.number, here, self._wall_ns(), refused)


def _write_all(file: FileIO, data: bytes) -> None:
    """An unbuffered file may take a part at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _check(name: str, worker: int, piece: Piece) -> None:
    """That what came over the network is of a file of this worker's. Raises ValueError."""
    if not re.fullmatch(rf"({'|'.join(TABLES)})-{worker}-[0-9a-f]{{8}}\.arrow", name):
        raise ValueError(f"{name!r} is no file of worker {worker}")
    if piece.offset < 0 or not 0 < piece.size <= PARCEL_BYTES:
        raise ValueError(
            f"{name}: {piece.size} bytes at {piece.offset}: expected at most {PARCEL_BYTES}, from 0 on"
        )

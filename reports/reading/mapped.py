"""A file mapped into memory, whose pages are handed back once they were read."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

#: So much of a file may be in memory at once.
MOST_HELD_BYTES = 16 << 20


class Mapped:
    """The bytes of a file, in which reading goes forward. Raises OSError where it cannot be opened.

    A page that was read counts as this process's memory until it is dropped: without that, reading ten
    million calls would hold their files. What is read again after that comes from the file again.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._length = os.fstat(file.fileno()).st_size
            # Nothing cannot be mapped.
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self._length else None
        self._held_from = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice, /) -> bytes:
        """A copy of some bytes; those long before them are dropped."""
        start, stop, _ = part.indices(self._length)
        self.passed(start)
        return b"" if self._map is None else self._map[start:stop]

    @property
    def buffer(self) -> Any:
        """All bytes, as what takes a buffer has them without a copy. There are some."""
        return memoryview(b"") if self._map is None else memoryview(self._map)

    def passed(self, position: int) -> bool:
        """Reading is there: whether so much came before it that it was dropped."""
        if position - self._held_from < MOST_HELD_BYTES:
            return False
        self._drop(self._held_from, position)
        self._held_from = position
        return True

    def rewind(self) -> None:
        """Reading begins anew; nothing is held."""
        self._drop(self._held_from, self._length)
        self._held_from = 0

    def _drop(self, start: int, stop: int) -> None:
        first = start // mmap.PAGESIZE * mmap.PAGESIZE
        if self._map is not None and stop > first and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED, first, stop - first)

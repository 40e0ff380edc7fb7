"""How far the reading of a run's files is, for those who wait for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

#: Is told the part that has been read, from 0 to 1.
Told = Callable[[float], None]


def unheard(part: float) -> None:
    """Nobody waits."""


class Following:
    """Counts the bytes of a folder's streams as they are read."""

    def __init__(self, folder: Path, told: Told) -> None:
        self._told = told
        self._bytes = sum(path.stat().st_size for path in folder.glob("*.arrow"))
        self._read_bytes = 0.0

    def passed(self, count: float) -> None:
        """So many bytes more; some streams are read twice."""
        self._read_bytes += count
        self._told(min(1.0, self._read_bytes / max(self._bytes, 1)))

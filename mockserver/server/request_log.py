"""The request log: one JSON line an API request, flushed several times a second."""

import contextlib
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from mockserver.errors import LogError, StartError

FLUSH_EVERY_S = 0.1


class RequestLog:
    """Lines in memory until the next flush; without a path they are dropped."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lines: list[bytes] = []
        self._file: BinaryIO | None = None
        self._failure: LogError | None = None
        if path is not None:
            try:
                # A new file: times and arrival numbers begin with the server, and would not match older ones.
                self._file = path.open("wb")
            except OSError as error:
                raise StartError(f"cannot write the log {path}: {error.strerror}") from error

    def write(self, row: dict[str, Any]) -> None:
        if self._file is not None:
            self._lines.append(msgspec.json.encode(row))

    def flush(self) -> None:
        """Hand the lines to the system; raises LogError when it does not take them, and ever after."""
        if self._failure is not None:
            raise self._failure
        if self._file is None or not self._lines:
            return
        lines, self._lines = self._lines, []
        try:
            self._file.write(b"\n".join(lines) + b"\n")
            self._file.flush()
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.close()  # it tries once more to write what it holds
            self._file = None
            self._failure = LogError(f"cannot write the log {self._path}: {error.strerror}")
            raise self._failure from error

    def close(self) -> None:
        """Write what is left; raises LogError."""
        self.flush()
        if self._file is not None:
            self._file.close()

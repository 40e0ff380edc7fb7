"""A process's records: in the run's folder, where it shares that with the master; else on its own host.

There they are sent to the master as they are written.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.bridge.courier import Courier, Send
from harness.bridge.plan import Plan
from harness.errors import ConfigError
from harness.record.recorder import Recorder


class Records:
    """One process's of one run: written and, where the master does not see them, sent to it. For the hub.

    On another host they are kept under the same path, if that can be made there. Without `send` this process
    made the run's folder. Raises ConfigError where nothing can be written; what fails later is returned in
    words, empty where nothing did.
    """

    def __init__(self, plan: Plan, index: int, origin_ns: int, send: Send | None) -> None:
        folder = Path(plan.folder)
        shared = send is None or _is_of(folder / "manifest.json", plan)
        try:
            if not shared:
                folder = _own(folder, plan.run)
            self._recorder = Recorder(folder, index, origin_ns)
        except OSError as error:
            raise ConfigError(f"the run folder {folder} cannot be written: {error.strerror}") from error
        self.note, self.extend = self._recorder.note, self._recorder.extend
        self._courier = None if send is None or shared else Courier(self._recorder.paths, plan.run, send)

    @property
    def counted(self) -> int:
        """Calls that are on disk."""
        return self._recorder.counted

    @property
    def paths(self) -> list[Path]:
        """The files they are in."""
        return self._recorder.paths

    @property
    def sent(self) -> bool:
        """Whether the master does not see these files."""
        return self._courier is not None

    def flush(self) -> str:
        """Write what was gathered."""
        return _tried(self._recorder.flush, "written")

    def close(self) -> str:
        """Write the last of it."""
        return _tried(self._recorder.close, "written")

    def send(self) -> str:
        """Send what is new: about once a second."""
        return "" if self._courier is None else _tried(self._courier.carry, "sent to the master")

    def deliver(self) -> str:
        """Send the last of it, and wait until it is there."""
        return "" if self._courier is None else _tried(self._courier.deliver, "sent to the master")

    def on_receipt(self, document: dict[str, Any]) -> None:
        """The master says how far what was sent has come."""
        if self._courier is not None:
            self._courier.on_receipt(document)


def _tried(what: Callable[[], None], done: str) -> str:
    """Why it failed: a full disk, or a value that no column holds."""
    try:
        what()
    except (OSError, ValueError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        return f"records could not be {done}: {why}"
    return ""


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

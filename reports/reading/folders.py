"""Which folder was probably meant where one is no run."""

from __future__ import annotations

from pathlib import Path

from harness.files import near

#: What every run folder holds.
MANIFEST = "manifest.json"


def no_folder(path: Path) -> str:
    """What is wrong with a path that is no folder: it is a file, or not there."""
    if path.exists():
        return f"{path}: a file: expected a folder, such as {path.parent}"
    return f"{path}: no such folder{near(path)}"


def runs_in(folder: Path) -> str:
    """A hint for a folder that is no run but holds some: how many, and the newest; else an empty one."""
    found = sorted(folder.glob(f"*/{MANIFEST}"), key=lambda path: (path.stat().st_mtime_ns, path))
    if not found:
        return ""
    runs = "1 run" if len(found) == 1 else f"{len(found)} runs"
    return f"holds {runs} and is none itself: expected one of them; the newest is {found[-1].parent}"

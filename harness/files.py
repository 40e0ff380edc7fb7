"""Files that people name: what is wrong with one, and which they probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path


def why(error: OSError | UnicodeError, path: Path | str) -> str:
    """What went wrong with a file, in words; of one that is not there, the nearest name beside it."""
    said = getattr(error, "strerror", None) or str(error)
    return said + near(Path(path)) if isinstance(error, FileNotFoundError) else said


def near(path: Path) -> str:
    """A hint ", did you mean 'runs/x'?" for a path that is not there; empty where no name beside it is near.

    Of several that are as near, the last of their names: of runs, that is the newest.
    """
    try:
        names = sorted((entry.name for entry in path.parent.iterdir()), reverse=True)
    except OSError:
        return ""
    found = get_close_matches(path.name, names, n=1)
    return f", did you mean '{path.parent / found[0]}'?" if found else ""

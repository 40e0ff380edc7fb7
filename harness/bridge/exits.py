"""Exit codes of a scenario; with 0 the run is whole, whatever became of its calls."""

from __future__ import annotations

DEGRADED = 1
USAGE = 2

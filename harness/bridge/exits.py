"""Exit codes of a scenario."""

from __future__ import annotations

DEGRADED = 1
USAGE = 2

#: What they mean, as help shows it.
MEANINGS = {
    0: "the run is whole, whatever became of its calls",
    DEGRADED: "the run is degraded: its report says why",
    USAGE: "bad input: one line says what, and what was expected",
}

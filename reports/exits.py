"""Exit codes of `python -m reports`."""

from __future__ import annotations

OK = 0
REGRESSION = 1
BAD_INPUT = 2
INCONCLUSIVE = 3
INTERRUPTED = 130
PIPE_CLOSED = 141

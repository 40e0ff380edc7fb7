"""Exit codes of `python -m harness.queue`."""

from __future__ import annotations

OK = 0
FAILED = 1
BAD_INPUT = 2
TURNED_AWAY = 3
NO_SERVER = 4
INTERRUPTED = 130
PIPE_CLOSED = 141

WORDS = (
    "exit codes: 0 done; 1 a task failed, or not everything ended in time; 2 bad input; 3 the queue is full"
    " or closed; 4 no server, or it does not let us in or cannot write; 130 interrupted"
)

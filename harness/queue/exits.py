"""Exit codes of `python -m harness.queue`."""

from __future__ import annotations

OK = 0
FAILED = 1
BAD_INPUT = 2
TURNED_AWAY = 3
NO_SERVER = 4
INTERRUPTED = 130
PIPE_CLOSED = 141

#: What they mean, as help shows it.
MEANINGS = {
    OK: "done",
    FAILED: "a task failed, or not everything ended in time",
    BAD_INPUT: "bad input: one line says what, and what was expected",
    TURNED_AWAY: "the queue is full or closed",
    NO_SERVER: "no server, or it does not let us in or cannot write",
    INTERRUPTED: "interrupted (Ctrl-C)",
}

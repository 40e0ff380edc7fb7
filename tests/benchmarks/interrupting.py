"""A command that says what it is at, and answers Ctrl-C with a word and an exit code."""

import sys
from collections.abc import Callable

INTERRUPTED = 130  # 128 + SIGINT


def answering_ctrl_c(work: Callable[[], int]) -> int:
    """The exit code of `work`, or INTERRUPTED."""
    try:
        return work()
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return INTERRUPTED


def say(what: str) -> None:
    """Progress, where somebody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{what}")
        sys.stderr.flush()

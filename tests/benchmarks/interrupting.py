"""A command that answers Ctrl-C with a word and an exit code, from its first line on."""

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

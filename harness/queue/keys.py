"""What things are called on the server, and what streaQ calls its own."""

from __future__ import annotations

import hashlib
import os
import re

from harness.errors import expected
from harness.queue.tasks import Priority

#: The function that streaQ's tasks name; its own data of a task hold nothing but this.
JOB = "write_copy"

#: From the lowest, as streaQ wants them.
PRIORITIES = (Priority.LOW, Priority.NORMAL, Priority.HIGH)

_MOST_NAME = 100
_NAME = re.compile(rf"[A-Za-z0-9_.-]{{1,{_MOST_NAME}}}")
_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9_.-]")


def checked_name(name: str) -> str:
    """A queue's name, if it can be one. Raises ConfigError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise expected("name", name, "1 to 100 letters, digits, dots, dashes or underscores")
    return name


def name_of(text: str) -> str:
    """The name of a queue that is called after something: that itself, if it can be one.

    If not, one like it, with a mark that tells it from others that are like it.
    """
    if _NAME.fullmatch(text):
        return text
    mark = hashlib.blake2b(os.fsencode(text), digest_size=4).hexdigest()
    return f"{_NOT_OF_A_NAME.sub('_', text)[: _MOST_NAME - 1 - len(mark)]}-{mark}"


def ours(name: str) -> str:
    """The beginning of our keys."""
    return f"primetime:{name}:"


def engine(name: str) -> str:
    """The beginning of streaQ's keys."""
    return f"streaq:{name}:"


def changes(name: str) -> str:
    """The channel on which every change of a task's status is told."""
    return f"{ours(name)}changes"

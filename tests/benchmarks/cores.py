"""A core for the servers and another one for us, where there are two."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ours_apart() -> Iterator[tuple[int, ...]]:
    """Keep this process to the first of the cores it may use; gives those that are left for the servers.

    Nothing is done, and nothing given, where there is only one or the system does not let us choose.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) <= 1:
        yield ()
        return
    os.sched_setaffinity(0, {cores[0]})
    try:
        yield tuple(cores[1:])
    finally:
        os.sched_setaffinity(0, set(cores))


@contextmanager
def started_on(cores: tuple[int, ...]) -> Iterator[None]:
    """What is started inside keeps to the last of `cores`, with every thread it makes."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cores[-1]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)

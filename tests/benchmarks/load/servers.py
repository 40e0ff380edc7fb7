"""The servers of the load benchmark that cost next to nothing, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.benchmarks.servers import Running, _first_line, _python


@contextmanager
def zero(cores: tuple[int, ...]) -> Iterator[Running]:
    """Whole replies, at once."""
    with _started(cores, "tests.benchmarks.zero_server") as running:
        yield running


@contextmanager
def bursting(cores: tuple[int, ...]) -> Iterator[Running]:
    """Streams, in bursts."""
    with _started(cores, "tests.benchmarks.load.burst_server") as running:
        yield running


@contextmanager
def slow(cores: tuple[int, ...], after_s: float) -> Iterator[Running]:
    """Whole replies, each after the same time."""
    with _started(cores, "tests.benchmarks.load.slow_server", f"{after_s:g}") as running:
        yield running


@contextmanager
def _started(cores: tuple[int, ...], module: str, *arguments: str) -> Iterator[Running]:
    with _python(cores, module, *arguments) as process:
        yield Running(int(_first_line(process)), psutil.Process(process.pid))

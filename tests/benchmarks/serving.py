"""The zero-latency server in a process of its own, and on a core of its own where there is one to spare."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

STOP_WITHIN_S = 3.0


@dataclass(frozen=True)
class Served:
    """A running server; `pinned` tells whether it and this process have a core each."""

    url: str
    pinned: bool
    process: psutil.Process

    def cpu_s(self) -> float:
        """CPU time it has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def serving() -> Iterator[Served]:
    """Start the server, stop it at the end. Where there are two cores, this process keeps to the first."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.zero_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,  # a Ctrl-C is ours to answer; it ends when its input closes
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = process.stdout.readline().decode().strip()
        if not port:
            raise RuntimeError("the zero-latency server did not start")
        pinned = _part(process.pid)
        yield Served(f"http://127.0.0.1:{port}/v1", pinned, psutil.Process(process.pid))
    finally:
        process.stdin.close()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _part(server_pid: int) -> bool:
    """Give the server the last core of those we may use, and keep the first."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        return False
    os.sched_setaffinity(server_pid, {cores[-1]})
    os.sched_setaffinity(0, {cores[0]})
    return True

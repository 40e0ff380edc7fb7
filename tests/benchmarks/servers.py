"""The servers of the benchmark, each in a process of its own."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks import aimock
from tests.benchmarks.cores import started_on

_ROOT = Path(__file__).parents[2]
_START_WITHIN_S = 20.0
_STOP_WITHIN_S = 3.0

_Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    port: int
    process: psutil.Process

    def cpu_s(self) -> float:
        """CPU time it has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def rss_bytes(self) -> int:
        """Memory it holds."""
        return int(self.process.memory_info().rss)


@contextmanager
def ours(cores: tuple[int, ...], *arguments: str) -> Iterator[Running]:
    """The mock server."""
    with _python(cores, "mockserver", "--port", "0", "--exit-with-parent", *arguments) as process:
        yield Running(int(json.loads(_first_line(process))["port"]), psutil.Process(process.pid))


@contextmanager
def bare(cores: tuple[int, ...]) -> Iterator[Running]:
    """A bare aiohttp.web handler."""
    with _python(cores, "tests.benchmarks.bare_server") as process:
        yield Running(int(_first_line(process)), psutil.Process(process.pid))


@contextmanager
def raw(cores: tuple[int, ...], *, stream: bool) -> Iterator[Running]:
    """A server that sends ready bytes."""
    with _python(cores, "tests.benchmarks.raw_server", "sse" if stream else "json") as process:
        yield Running(int(_first_line(process)), psutil.Process(process.pid))


@contextmanager
def peer(cores: tuple[int, ...], command: Sequence[str]) -> Iterator[Running]:
    """aimock, by the command that starts it; raises RuntimeError when it does not."""
    port = _free_port()
    with aimock.fixture() as path, _started(cores, [*command, *aimock.arguments(port, path)]) as process:
        _wait_until_it_listens(process, port)
        yield Running(port, psutil.Process(process.pid))


@contextmanager
def _python(cores: tuple[int, ...], module: str, *arguments: str) -> Iterator[_Process]:
    with _started(cores, [sys.executable, "-m", module, *arguments]) as process:
        yield process


@contextmanager
def _started(cores: tuple[int, ...], command: Sequence[str]) -> Iterator[_Process]:
    """A child that a Ctrl-C does not reach: it is ours to answer."""
    process: _Process | None = None
    try:
        with started_on(cores), _uninterrupted():
            process = subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
            )
        yield process
    finally:
        if process is not None:
            _stop(process)


def _stop(process: _Process) -> None:
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A Ctrl-C waits until this is over: a child that nobody holds yet could not be stopped."""
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def _first_line(process: _Process) -> bytes:
    """What it prints when it is ready; raises RuntimeError when it ends instead."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a server did not start")
    return line


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _wait_until_it_listens(process: _Process, port: int) -> None:
    end_s = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"aimock did not listen on port {port} within {_START_WITHIN_S:g} s")

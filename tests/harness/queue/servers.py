"""The servers that the queue is tested on: the one it brings, and Debian's."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import pytest

from harness.queue import EmbeddedServer

PASSWORD = "pässword/4711:very@secret"
QUOTED = "p%C3%A4ssword%2F4711%3Avery%40secret"


class Server(Protocol):
    """What tests do to a server."""

    url: str

    def kill(self) -> None:
        """SIGKILL it."""

    def start(self) -> object:
        """Start it (again)."""


class Valkey:
    """The embedded server."""

    def __init__(self, directory: Path) -> None:
        self.embedded = EmbeddedServer(directory)
        self.url = self.embedded.url
        self.start = self.embedded.start

    def kill(self) -> None:
        pid = self.embedded.pid()
        assert pid is not None
        subprocess.run(["kill", "-KILL", str(pid)], check=True)
        while self.embedded.pid() is not None:
            time.sleep(0.01)

    def stop(self) -> None:
        self.embedded.stop()


class Redis:
    """Debian's redis-server, on loopback with a password, as durable as the embedded one."""

    def __init__(self, directory: Path, *lines: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://:{QUOTED}@127.0.0.1:{self.port}/3"
        self._config = directory / "redis.conf"
        self._config.write_text(
            f'bind 127.0.0.1\nport {self.port}\nrequirepass "{PASSWORD}"\ndir {directory}\nsave ""\n'
            "appendonly yes\nappendfsync always\nmaxmemory-policy noeviction\n" + "\n".join(lines) + "\n",
            encoding="utf-8",
        )
        self._log = directory / "redis.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, binary: str = "redis-server") -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([binary, self._config], stdout=log, stderr=log)
        for _ in range(1000):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as asked:
                asked.sendall(
                    b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\nPING\r\n" % (len(PASSWORD), PASSWORD.encode())
                )
                asked.shutdown(socket.SHUT_WR)
                if b"LOADING" not in asked.makefile("rb").read():
                    return
            assert self.process.poll() is None, self._log.read_text()
            time.sleep(0.01)
        raise AssertionError("redis-server does not listen")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


@contextmanager
def server_of(kind: str, directory: Path) -> Iterator[Server]:
    """A running server; skips, and says so, where Debian's is not installed."""
    if kind == "redis" and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    server = Valkey(directory) if kind == "valkey" else Redis(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()

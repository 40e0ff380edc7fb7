"""The process: a socket, signals, one line when ready, and an exit code."""

import asyncio
import contextlib
import ipaddress
import json
import os
import resource
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import uvloop

from mockserver.errors import StartError
from mockserver.profile import Profile
from mockserver.server.listener import Listener
from mockserver.server.mock import MockServer

# Descriptors we ask for, as far as the system lets us: one an open connection.
WANTED_FILES = 65_536
PARENT_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    host: str
    port: int
    profile: Profile
    seed: int
    log_path: Path | None
    exit_with_parent: bool


def run(options: Options) -> None:
    """Serve until SIGINT or SIGTERM; raises MockServerError when that cannot begin or go on."""
    parent = os.getppid()
    listener = bind(options.host, options.port)
    _raise_file_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, contextlib.closing(listener):
        runner.run(_serve(options, listener, parent))


def bind(host: str, port: int) -> Listener:
    """A listener on a loopback address; raises StartError."""
    address = _loopback(host)
    family = socket.AF_INET if isinstance(address, ipaddress.IPv4Address) else socket.AF_INET6
    try:
        return Listener.bind(family, str(address), port)
    except OSError as error:
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _loopback(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    text = "127.0.0.1" if host == "localhost" else host
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise StartError(f"host {host!r} is not an address: expected 127.0.0.1, ::1 or localhost") from error
    if not address.is_loopback:
        raise StartError(f"host {host} is not a loopback address: this server is for this machine only")
    return address


async def _serve(options: Options, listener: Listener, parent: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    watch = asyncio.create_task(_watch_parent(parent, stop)) if options.exit_with_parent else None
    server = MockServer(listener, options.profile, options.seed, options.log_path)
    server.start()
    _announce(options, listener)
    try:
        await server.serve(stop)
    finally:
        if watch is not None:
            watch.cancel()


async def _watch_parent(parent: int, stop: asyncio.Event) -> None:
    """Stop when whoever started us has died: we were handed to another process then."""
    while os.getppid() == parent:  # noqa: ASYNC110 - the system sends no event for it
        await asyncio.sleep(PARENT_POLL_S)
    stop.set()


def _announce(options: Options, listener: Listener) -> None:
    """The one line on standard output, as JSON, for whoever started us."""
    ready = {
        "ready": True,
        "host": options.host,
        "port": listener.port,
        "profile": options.profile.name,
        "seed": options.seed,
        "pid": os.getpid(),
    }
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

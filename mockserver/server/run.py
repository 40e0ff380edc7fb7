"""The process: a socket, signals, one line when ready, and an exit code."""

import asyncio
import contextlib
import ipaddress
import json
import os
import resource
import signal
import socket
import ssl
import sys
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from mockserver.errors import StartError
from mockserver.keys import TOKEN_VARIABLE
from mockserver.profile import Profile
from mockserver.server.listener import Listener
from mockserver.server.mock import MockServer
from mockserver.server.stopping import Stop
from mockserver.server.tls import self_signed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Descriptors we ask for, as far as the system lets us: one an open connection.
WANTED_FILES = 65_536
PARENT_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line and the environment say.

    `tls_path`: serve HTTPS, and write the certificate there. `grace_s`: how long a stop waits for replies
    under way.
    """

    host: str
    port: int
    profile: Profile
    seed: int
    log_path: Path | None
    exit_with_parent: bool
    tls_path: Path | None = None
    grace_s: float = 5.0
    admin_token: str | None = field(default=None, repr=False)


def run(options: Options) -> None:
    """Serve until SIGINT or SIGTERM; raises MockServerError when that cannot begin or go on."""
    parent = os.getppid()
    address = _address(options.host, guarded=options.admin_token is not None)
    tls = None if options.tls_path is None else self_signed(options.tls_path, str(address))
    listener = bind(address, options.port)
    _raise_file_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, contextlib.closing(listener):
        runner.run(_serve(options, listener, tls, parent))


def bind(address: Address, port: int) -> Listener:
    """A listener on an address of this machine; raises StartError."""
    family = socket.AF_INET if isinstance(address, ipaddress.IPv4Address) else socket.AF_INET6
    try:
        return Listener.bind(family, str(address), port)
    except OSError as error:
        raise StartError(f"cannot listen on {address}:{port}: {error.strerror}") from error


def _address(host: str, *, guarded: bool) -> Address:
    text = "127.0.0.1" if host == "localhost" else host
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise StartError(
            f"host {host!r} is not an address: expected 127.0.0.1, ::1, localhost, or one of this machine"
        ) from error
    if not (address.is_loopback or guarded):
        raise StartError(
            f"host {host} can be reached by others, who must not command this server: "
            f"set {TOKEN_VARIABLE} to a secret, or listen on 127.0.0.1"
        )
    return address


async def _serve(options: Options, listener: Listener, tls: ssl.SSLContext | None, parent: int) -> None:
    stop = Stop()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, _asked, stop, options.grace_s)
    watch = asyncio.create_task(_watch_parent(parent, stop)) if options.exit_with_parent else None
    server = MockServer(listener, options.profile, options.seed, options.log_path, tls, options.admin_token)
    server.start()
    _announce(options, listener)
    try:
        await server.serve(stop, options.grace_s)
    finally:
        if watch is not None:
            watch.cancel()
        # All is written; the loop's handlers go now, and a late signal must not turn this end into another.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})


def _asked(stop: Stop, grace_s: float) -> None:
    """A signal: the first one asks, the second one insists."""
    if not stop.asked.is_set():
        _tell(f"stopping; replies under way have {grace_s:g} s, Ctrl-C again ends them")
    stop.ask()


async def _watch_parent(parent: int, stop: Stop) -> None:
    """Stop when whoever started us has died: we were handed to another process then."""
    while os.getppid() == parent:  # noqa: ASYNC110 - the system sends no event for it
        await asyncio.sleep(PARENT_POLL_S)
    stop.force()


def _announce(options: Options, listener: Listener) -> None:
    """The one line on standard output, as JSON, for whoever started us; and what a person needs to know."""
    scheme = "http" if options.tls_path is None else "https"
    host = f"[{options.host}]" if ":" in options.host else options.host
    url = f"{scheme}://{host}:{listener.port}"
    ready = {
        "ready": True,
        "url": url,
        "host": options.host,
        "port": listener.port,
        "profile": options.profile.name,
        "seed": options.seed,
        "pid": os.getpid(),
    }
    if options.tls_path is not None:
        ready["certificate"] = str(options.tls_path)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
    _tell(f"OPENAI_BASE_URL={url}/v1  ANTHROPIC_BASE_URL={url}  any key will do; Ctrl-C stops")


def _tell(text: str) -> None:
    """Say something to a person, if there is one."""
    if sys.stderr.isatty():
        sys.stderr.write(f"mockserver: {text}\n")
        sys.stderr.flush()


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

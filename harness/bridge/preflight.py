"""What can be found wrong before anything runs, each with one clear sentence."""

from __future__ import annotations

import inspect
import logging
import socket
from argparse import Namespace
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address

import psutil
from locust import User

from harness.bridge.architecture import Architecture
from harness.bridge.mock_process import MockProcess
from harness.bridge.options import Settings
from harness.bridge.roll import host_of
from harness.bridge.target import Target, address
from harness.bridge.user import AsyncUser
from harness.errors import ConfigError, expected
from harness.record import folder as run_folder
from harness.wire.address import LOOPBACK

CONNECT_S = 3.0

logger = logging.getLogger(__name__)


def check_run(
    options: Namespace, settings: Settings, users: Sequence[type[User]], architecture: Architecture
) -> None:
    """The users, the workers' shares, the run folder. Raises ConfigError."""
    _check_users(users, closed=settings.closed)
    if settings.limited:  # as wherever a real API is called
        check_counted(users)
    if options.num_users and not settings.closed:
        logger.warning("-u %d has no effect: arrivals come from the schedule", options.num_users)
    architecture.check(options, settings, options.processes or 1)
    run_folder.check_writable(settings.run_dir)


def check_reachable(target: Target) -> None:
    """That somebody listens there. Raises ConfigError."""
    try:
        socket.create_connection(address(target.host), timeout=CONNECT_S).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(f"--host {target.shown} cannot be reached: {why}") from error


def check_mock_host(address: str) -> None:
    """That it is one by which other hosts can reach this one. Raises ConfigError."""
    if address not in LOOPBACK and not _is_ours(address):
        wanted = "an address of this machine by which the workers reach it, such as 192.0.2.7"
        raise expected("--mock-host", address, wanted)


def check_reach(workers: Sequence[str], mock: MockProcess | None, beside: str) -> None:
    """That workers, by their client ids, reach the bundled server, if any, and what else is there.

    `beside` is an architecture's `out_of_reach`. Raises ConfigError.
    """
    away = sorted({host_of(worker) for worker in workers} - {"", socket.gethostname()})
    if mock is not None and mock.listen in LOOPBACK:
        beside = (
            f"the bundled mock server on {mock.listen}: start the master with --mock-host and an address of"
            " its own, or with --host"
        )
    if away and beside:
        raise ConfigError(f"workers on {', '.join(away)} do not reach {beside}")


def check_port(host: str, port: int) -> None:
    """That the web UI's port is free: Locust would end in a traceback. Raises ConfigError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host or "0.0.0.0", port))  # noqa: S104 - Locust's own default
        except OSError as error:
            raise ConfigError(f"--web-port {port}: {error.strerror}: expected a free port") from error


def check_counted(users: Sequence[type[User]]) -> None:
    """That each one's requests are paid for out of the budget. Raises ConfigError."""
    others = [user.__name__ for user in users if not issubclass(user, AsyncUser)]
    if others:
        raise ConfigError(
            f"{', '.join(others)}: no budget counts its requests: expected AsyncUsers only, in a run with one"
        )


def check_tasks(users: Sequence[type[User]]) -> None:
    """That Locust's tag filter left something to do. Raises ConfigError."""
    for user in users:
        if not user.tasks:
            raise ConfigError(f"{user.__name__} has no tasks: expected some, under --tags and --exclude-tags")


def end_children() -> None:
    """Terminate the workers that `--processes` forked: they would look for their master for minutes."""
    for child in psutil.Process().children():
        child.terminate()


def _is_ours(address: str) -> bool:
    """Whether it is the address of one of this machine's interfaces."""
    try:
        known = ip_address(address)
        with socket.socket(socket.AF_INET if isinstance(known, IPv4Address) else socket.AF_INET6) as probe:
            probe.bind((address, 0))
    except (ValueError, OSError):
        return False
    return not known.is_unspecified


def _check_users(users: Sequence[type[User]], *, closed: bool) -> None:
    ours = [user for user in users if issubclass(user, AsyncUser)]
    if not closed and (len(users) != 1 or not ours):
        names = ", ".join(user.__name__ for user in users)
        raise ConfigError(
            f"{len(users)} users ({names}): an open loop plays one AsyncUser: name it after the options"
        )
    for user in ours:
        for task in user.tasks:
            if not inspect.iscoroutinefunction(task):
                raise ConfigError(f"{user.__name__}: the task {task!r} is not an async def")

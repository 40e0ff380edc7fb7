"""Several hosts on one machine: network namespaces joined by a bridge, each with files and a name of its own.

A host has an address that is not loopback, its own mounts, and a cable to the switch that can be pulled.
This takes root and `ip`; without them tests that are marked `needs_namespaces` are skipped, and say why.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scenarios.running import ROOT, STARTED, environment

#: Namespaces are joined to nothing outside, so that every network may have the same addresses.
SUBNET = "10.91.0"
CABLE, PORT = "cable0", "port"

_networks = itertools.count()

#: Lays its own directories over paths that all hosts share, takes the host's name, and becomes the command.
_SETTLE = """
set -e
echo "$1" > /proc/sys/kernel/hostname
for pair in $2; do mount --bind "${pair#*:}" "${pair%%:*}"; done
shift 2
exec "$@"
"""


def unavailable() -> str:
    """Why there can be no namespaces here; empty where there can."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "unshare"):
        if shutil.which(tool) is None:
            return f"there is no `{tool}` (Debian: iproute2, util-linux)"
    tried = subprocess.run(["unshare", "--net", "--mount", "--uts", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "this machine gives no namespaces away"


needs_namespaces = pytest.mark.skipif(bool(unavailable()), reason=unavailable())


@dataclass(frozen=True)
class Host:
    """One of a network's hosts. `name` is what it calls itself, `address` what the others reach it by."""

    name: str
    address: str
    namespace: str
    switch: str
    port: str

    def command(self, command: Sequence[str], own: Mapping[Path, Path] | None = None) -> list[str]:
        """A command as it is to be started to run on this host.

        `own` lays directories of this host (values) over paths (keys); both must exist, without spaces.
        """
        pairs = " ".join(f"{path}:{directory}" for path, directory in (own or {}).items())
        settle = ["unshare", "--uts", "--mount", "sh", "-c", _SETTLE, "settle", self.name, pairs]
        return ["ip", "netns", "exec", self.namespace, *settle, *command]

    def start(
        self,
        *command: str,
        own: Mapping[Path, Path] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
    ) -> subprocess.Popen[str]:
        """Start it; in a process group of its own, so that a Ctrl-C can be sent to all of it.

        Its pid is the command's own. It does not outlive its test.
        """
        process = subprocess.Popen(
            self.command(command, own),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=cwd,
            env={**environment(), **(env or {})},
            process_group=0,
        )
        STARTED.append(process)
        return process

    def run(self, *command: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.command(command),
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment(),
            timeout=timeout_s,
            check=False,
        )

    def cut(self) -> None:
        """Pull the cable, at the switch: what is sent is lost without a word, and no socket closes."""
        _ip("-n", self.switch, "link", "set", self.port, "down")

    def mend(self) -> None:
        """Plug it in again."""
        _ip("-n", self.switch, "link", "set", self.port, "up")


@contextmanager
def network(*names: str) -> Iterator[dict[str, Host]]:
    """Hosts of these names on one switch; when it is left, all that runs on them is killed."""
    prefix = f"pt{os.getpid()}x{next(_networks)}"
    switch = f"{prefix}-switch"
    hosts = {
        name: Host(name, f"{SUBNET}.{n}", f"{prefix}-{n}", switch, f"{PORT}{n}")
        for n, name in enumerate(names, start=1)
    }
    try:
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        for host in hosts.values():
            _join(host)
        yield hosts
    finally:
        for namespace in (*(host.namespace for host in hosts.values()), switch):
            _remove(namespace)


def _join(host: Host) -> None:
    inside = ("-n", host.namespace)
    _ip("netns", "add", host.namespace)
    _ip(*inside, "link", "set", "lo", "up")
    _ip(*inside, "link", "add", CABLE, "type", "veth", "peer", "name", host.port, "netns", host.switch)
    _ip(*inside, "address", "add", f"{host.address}/24", "dev", CABLE)
    _ip(*inside, "link", "set", CABLE, "up")
    _ip("-n", host.switch, "link", "set", host.port, "master", "bridge", "up")


def _remove(namespace: str) -> None:
    pids = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    for pid in pids.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "delete", namespace], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr.strip()}"

"""The hosts that other tests are played on are what they are taken for."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from tests.scenarios.namespaces import Host, needs_namespaces, network

REACH = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()"
SERVE = """
import socket, time
server = socket.create_server(("0.0.0.0", 4711))
print("up", flush=True)
time.sleep(60)
"""

pytestmark = needs_namespaces


def reaches(host: Host, address: str) -> bool:
    return host.run(sys.executable, "-c", REACH, address, "4711").returncode == 0


def test_hosts_reach_each_other_until_a_cable_is_pulled_and_again_once_it_is_back() -> None:
    with network("a", "b") as hosts:
        a, b = hosts["a"], hosts["b"]
        served = a.start(sys.executable, "-c", SERVE)
        assert served.stdout is not None
        assert served.stdout.readline() == "up\n"

        assert reaches(b, a.address)
        assert not reaches(b, "127.0.0.1")
        b.cut()
        assert not reaches(b, a.address)
        b.mend()
        assert reaches(b, a.address)
    assert served.wait(timeout=10) < 0


def test_a_host_has_a_name_and_files_of_its_own(tmp_path: Path) -> None:
    shared, own = tmp_path / "runs", tmp_path / "of-b"
    shared.mkdir()
    own.mkdir()
    name = socket.gethostname()
    with network("a", "b") as hosts:
        write = f"import socket, pathlib; pathlib.Path('{shared}', socket.gethostname()).touch()"
        for host, mounts in (("a", {}), ("b", {shared: own})):
            assert hosts[host].start(sys.executable, "-c", write, own=mounts).wait(timeout=30) == 0

    assert [path.name for path in shared.iterdir()] == ["a"]
    assert [path.name for path in own.iterdir()] == ["b"]
    assert socket.gethostname() == name


def test_networks_stand_side_by_side_and_leave_nothing() -> None:
    with network("a") as one, network("a") as other:
        assert one["a"].address == other["a"].address
        namespaces = {one["a"].namespace, other["a"].namespace, one["a"].switch, other["a"].switch}
        assert len(namespaces) == 4
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert not any(namespace in left for namespace in namespaces)

"""The live page of a master whose workers are on hosts of their own, one of which is cut off."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.namespaces import Host, needs_namespaces, network
from tests.scenarios.running import SCENARIOS, finish, table, wait_for

PORT = 8089

ASK = """
import sys, urllib.request
url, body = sys.argv[1:]
request = urllib.request.Request(url, body.encode() or None, {"content-type": "application/json"})
print(urllib.request.urlopen(request, timeout=10).read().decode())
"""


def _ask(host: Host, path: str, body: str = "") -> dict[str, Any]:
    """From another host's browser, as it were."""
    done = host.run(sys.executable, "-c", ASK, f"http://10.91.0.1:{PORT}/resilience/{path}", body)
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {}


@pytest.mark.slow
@needs_namespaces
def test_workers_elsewhere_are_seen_told_and_missed(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    with network("m", "w0", "w1") as hosts:
        scenario = [
            sys.executable,
            "-m",
            "locust",
            "-f",
            str(SCENARIOS / "steady.py"),
            "--run-dir",
            str(runs),
        ]
        for name in ("w0", "w1"):
            own = tmp_path / name
            own.mkdir()
            hosts[name].start(*scenario, "--worker", "--master-host", hosts["m"].address, own={runs: own})
        web = ("--web-host", hosts["m"].address, "--web-port", str(PORT), "--autostart", "--autoquit", "1")
        fleet = ("--master", "--expect-workers", "2", "--mock-host", hosts["m"].address)
        load = ("--rate", "40", "--length", "60s", "--mock-profile", "calm")
        master = hosts["m"].start(*scenario, *web, *fleet, *load)

        def workers() -> list[dict[str, Any]]:
            return list(_ask(hosts["w0"], "state").get("workers", []))

        wait_for(lambda: [len(worker["gates"]) for worker in workers()] == [1, 1], 60)
        assert _ask(hosts["w0"], "faults", '{"kind": "outage", "seconds": 3}') == {}
        wait_for(lambda: any(worker["states"] for worker in workers()))  # a breaker opened
        hosts["w1"].cut()
        wait_for(lambda: [worker["lost"] for worker in workers()].count(None) == 1, 60)
        state = _ask(hosts["w0"], "state")
        assert state["phase"] == "playing"
        assert sum(bin_["offered"] for bin_ in state["bins"]) > 0

        _ask(hosts["w0"], "../stop")
        played = finish(master, runs, timeout_s=90)
    noted = [row["text"] for row in table(played.folder, "events") if row["name"] == "fault"]
    assert noted == ["outage"]

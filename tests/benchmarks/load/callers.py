"""Who calls the zero-latency server as fast as it can, each with as many calls at once."""

from __future__ import annotations

import json
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks.load import aiperf, endpoints_client
from tests.benchmarks.load.commands import run
from tests.benchmarks.load.ours import Played, playing
from tests.benchmarks.load.section import SectionError
from tests.benchmarks.load.turns import Peer, Turn
from tests.benchmarks.load.window import NS_PER_S, per_s_in_the_middle

USERS = 100

OURS = "ours: tuned, recorded"
FAST = "Locust FastHttpUser, bare"
USUAL = "Locust HttpUser, bare"
ROOFLINE = "httptools on uvloop, ready bytes"

_AROUND_S = 60.0


def _ours(host: str, seconds: float) -> Turn:
    """The full policy, every call and attempt on disk."""
    options = ("--arrivals", "closed", "-u", str(USERS), "--length", f"{seconds:g}s", "--host", host)
    with playing(*options, "--transport", "fast", "--policy", "tuned") as played:
        check_sound(OURS, played)
        calls = played.run.calls
        return Turn(per_s_in_the_middle(calls.end_ns, played.run.window_ns / NS_PER_S), len(calls))


def check_sound(name: str, played: Played) -> None:
    """Raises SectionError unless every call is ok and nothing of the run was lost."""
    bad = int(np.count_nonzero(~played.run.ok))
    ending = played.run.ending
    if bad or not len(played.run.calls):
        raise SectionError(f"{name}: {bad} of {len(played.run.calls)} calls were not ok")
    if ending is None or ending.degraded or played.run.cut:
        why = ending.degraded if ending else "it has no ending"
        raise SectionError(
            f"{name}: the run is degraded: {why}, cut files: {[one.name for one in played.run.cut]}"
        )


def _locust(host: str, seconds: float, *, user: str, name: str) -> Turn:
    with tempfile.TemporaryDirectory(prefix="primetime-locust-") as folder:
        counts = Path(folder) / "counts.json"
        command = [
            sys.executable,
            "-m",
            "locust",
            "-f",
            "tests/benchmarks/load/locust_users.py",
            "--headless",
        ]
        command += ["--only-summary", "-u", str(USERS), "-r", str(USERS), "--seconds", f"{seconds:g}"]
        command += ["--counts", str(counts), "--host", host, user]
        run(command, within_s=seconds + _AROUND_S)
        return _counted(name, counts.read_text(encoding="utf-8"))


def _roofline(host: str, seconds: float) -> Turn:
    port = host.rpartition(":")[2]
    command = [sys.executable, "-m", "tests.benchmarks.load.roofline", port, f"{seconds:g}", str(USERS)]
    return _counted(ROOFLINE, run(command, within_s=seconds + _AROUND_S))


def _counted(name: str, counts: str) -> Turn:
    """What a program of ours counted."""
    document = json.loads(counts)
    if document["failed"] or not document["served"]:
        raise SectionError(f"{name}: {document['failed']} calls failed, {document['served']} did not")
    return Turn(document["per_s"], document["served"])


def _aiperf(host: str, seconds: float) -> Turn:
    export = aiperf.profile(host, "--concurrency", str(USERS), seconds=seconds)
    return Turn(export.requests_per_s, export.requests)


PEERS = (
    Peer(OURS, _ours),
    Peer(FAST, partial(_locust, user="Fast", name=FAST)),
    Peer(USUAL, partial(_locust, user="Usual", name=USUAL)),
    Peer(aiperf.NAME, _aiperf),
    Peer(endpoints_client.NAME, partial(endpoints_client.turn, users=USERS)),
    Peer(ROOFLINE, _roofline),
)

"""Locust alone, in a process of its own: FastHttpUsers that keep up a rate, and what its table says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.load.ours import ROOT
from tests.benchmarks.load.section import SectionError

LOCUSTFILE = Path(__file__).with_name("paced_user.py")

#: Requests under way at the end of the time may still end.
STOP_WITHIN_S = 15
START_AND_END_S = 60.0


@dataclass(frozen=True)
class Load:
    """So many users that make `rate` requests a second together, for so many whole seconds."""

    users: int
    rate: float
    seconds: float


@dataclass(frozen=True)
class Told:
    """Of Locust's own table: its rounded percentiles, by their names."""

    requests: int
    percentiles_ms: dict[str, float]


def play(
    port: int,
    load: Load,
    levels: Mapping[str, float],
    during: Callable[[psutil.Process], None] = lambda _: None,
) -> Told:
    """Play it against a server of this machine, to its end. Raises SectionError when it does not end well."""
    with tempfile.TemporaryDirectory(prefix="primetime-locust-") as folder:
        told = Path(folder) / "told.json"
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
        command += ["-H", f"http://127.0.0.1:{port}", "-u", str(load.users), "-r", str(load.users)]
        command += ["-t", f"{load.seconds:.0f}s", "-s", str(STOP_WITHIN_S)]
        asked = {
            "PRIMETIME_RATE_PER_USER": str(load.rate / load.users),
            "PRIMETIME_TOLD": str(told),
            "PRIMETIME_LEVELS": json.dumps(dict(levels)),
        }
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,  # a Ctrl-C is ours to answer
        )
        try:
            during(psutil.Process(process.pid))
            said, _ = process.communicate(timeout=load.seconds + START_AND_END_S)
        except subprocess.TimeoutExpired:
            raise SectionError(f"Locust did not end within {load.seconds + START_AND_END_S:g} s") from None
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        if process.returncode != 0 or not told.exists():
            raise SectionError(f"Locust ended with {process.returncode}: {said[-2000:]}")
        document = json.loads(told.read_text(encoding="utf-8"))
        return Told(document["requests"], document["percentiles_ms"])

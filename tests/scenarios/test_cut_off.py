"""Runs that were killed with all their processes, or whose disk was full, are still read, and told of."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.scenarios.running import ROOT, environment, finish, free_port, read_json, recorded, start, wait_for
from tests.scenarios.test_conservation import FAULTS


def report(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reports", command, str(folder)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("processes", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_run_killed_at_once_is_summed_up_and_drawn_and_says_so(processes: int, tmp_path: Path) -> None:
    port = str(free_port())
    several = ("--processes", "2", "--master-bind-port", port, "--master-port", port) if processes > 1 else ()
    options = ("--headless", "--rate", "40", "--length", "60s", *FAULTS, *several)
    process = start("steady.py", *options, run_dir=tmp_path)
    wait_for(lambda: recorded(tmp_path) > 80)
    family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]

    for pid in family:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    folder = finish(process, tmp_path, timeout_s=20).folder

    assert not (folder / "ending.json").exists()
    summed, drawn = report("summarise", folder), report("html", folder)
    assert (summed.returncode, drawn.returncode) == (0, 0), summed.stderr + drawn.stderr
    assert "Traceback" not in summed.stderr + drawn.stderr
    summary = read_json(folder / "summary.json")
    reasons = summary["degraded"]
    assert reasons[0] == "no ending was written: the run was cut off"
    until = r"the last record is of second \d+\.\d; arrivals were to go on until second 60"
    assert re.fullmatch(until, reasons[1])
    assert sum("is cut short: its worker was killed" in reason for reason in reasons) == 3 * processes
    assert summary["calls"] > 0
    scheduled = read_json(folder / "manifest.json")["schedule"]["count"]
    assert summary["in_flight_at_end"] == scheduled - summary["calls"]
    assert f"{summary['in_flight_at_end']} calls were scheduled but not recorded" in " ".join(reasons)
    page = (folder / "report.html").read_text(encoding="utf-8")
    for reason in reasons:
        assert f"DEGRADED: {reason}" in summed.stdout
        assert reason in page

"""Endings: Ctrl-C, a killed worker, and starting again from the web UI."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.scenarios.running import finish, free_port, play, read_json, recorded, start, table, wait_for
from tests.scenarios.test_conservation import FAULTS, HERE, assert_conserved

SLOW = ("--mock-profile", str(HERE / "slow.toml"))


@pytest.mark.parametrize("processes", [1, 2])
def test_one_ctrl_c_stops_arrivals_drains_and_reports(processes: int, tmp_path: Path) -> None:
    port = str(free_port())
    several = ("--processes", "2", "--master-bind-port", port, "--master-port", port) if processes > 1 else ()
    options = ("--headless", "--evening", "5m", "--peak-rps", "30", *FAULTS, *several)
    process = start("primetime.py", *options, run_dir=tmp_path)
    wait_for(lambda: recorded(tmp_path) > 20)

    os.killpg(process.pid, signal.SIGINT)
    played = finish(process, tmp_path, timeout_s=40)

    played.assert_whole()
    assert "Traceback" not in played.out + played.err
    assert_conserved(played)
    assert read_json(played.folder / "ending.json")["reason"] == "stopped"
    assert "request goodput" in played.out
    assert str(played.folder / "report.html") in played.out
    assert (played.folder / "report.html").stat().st_size > 10_000


def test_calls_that_outlast_a_ctrl_c_are_recorded_as_cancelled(tmp_path: Path) -> None:
    profile = tmp_path / "endless.toml"
    profile.write_text((HERE / "slow.toml").read_text().replace("5000", "60000"))
    runs = tmp_path / "runs"
    options = ("--headless", "--rate", "10", "--length", "5m", "--mock-profile", str(profile))
    process = start("steady.py", *options, "--policy", "naive", run_dir=runs)
    wait_for(lambda: runs.is_dir() and list(runs.iterdir()))
    time.sleep(3)

    os.killpg(process.pid, signal.SIGINT)
    played = finish(process, runs, timeout_s=40)

    played.assert_whole()
    assert_conserved(played)
    assert {c["outcome"] for c in table(played.folder, "calls")} == {"cancelled"}
    assert played.summary["outcomes"]["cancelled"] > 5


def test_a_killed_worker_degrades_the_run_and_its_loss_is_counted(tmp_path: Path) -> None:
    port = str(free_port())
    options = ("--headless", "--rate", "30", "--length", "12s", "--processes", "2")
    ports = ("--master-bind-port", port, "--master-port", port)
    process = start("steady.py", *options, *ports, *FAULTS, run_dir=tmp_path)
    wait_for(lambda: recorded(tmp_path) > 60)
    workers = [p for p in psutil.Process(process.pid).children() if "locust" in " ".join(p.cmdline())]
    assert len(workers) == 2

    workers[0].send_signal(signal.SIGKILL)
    played = finish(process, tmp_path, timeout_s=60)

    assert played.code == 1, played.out + played.err
    ending = read_json(played.folder / "ending.json")
    assert any("was lost" in reason for reason in ending["degraded"])
    summary = played.summary
    calls = table(played.folder, "calls")
    lost = sum(ending["scheduled"].values()) - len(calls)
    assert lost > 0
    assert summary["in_flight_at_end"] == lost
    assert summary["degraded"]
    # The survivor's share is whole.
    survivor = max(ending["recorded"], key=lambda worker: ending["recorded"][worker])
    assert ending["recorded"][survivor] == ending["scheduled"][survivor]


def test_a_headless_run_shows_its_progress_and_ends_with_the_report(tmp_path: Path) -> None:
    played = play("primetime.py", "--evening", "3s", *FAULTS, run_dir=tmp_path)

    progress = next(line for line in played.out.splitlines() if " ICT  offered" in line)
    for word in ("ok", "failing", "in flight", "left"):
        assert word in progress
    assert played.out.rstrip().endswith(str(played.folder / "report.html"))


@pytest.mark.parametrize("processes", [1, 2])
def test_sigterm_ends_a_run_in_good_order(processes: int, tmp_path: Path) -> None:
    port = str(free_port())
    several = ("--processes", "2", "--master-bind-port", port, "--master-port", port) if processes > 1 else ()
    process = start(
        "steady.py", "--headless", "--rate", "20", "--length", "5m", *FAULTS, *several, run_dir=tmp_path
    )
    wait_for(lambda: recorded(tmp_path) > 20)

    process.terminate()
    played = finish(process, tmp_path, timeout_s=40)

    played.assert_whole()
    assert_conserved(played)
    assert read_json(played.folder / "ending.json")["reason"] == "stopped"


def test_a_second_ctrl_c_cancels_what_is_under_way(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    options = ("--headless", "--rate", "10", "--length", "5m", *SLOW)
    process = start("steady.py", *options, run_dir=runs)
    wait_for(lambda: runs.is_dir() and list(runs.iterdir()))
    time.sleep(2)

    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    played = finish(process, runs, timeout_s=40)

    played.assert_whole()
    assert_conserved(played)
    assert {c["outcome"] for c in table(played.folder, "calls")} == {"cancelled"}


def test_a_worker_that_leaves_early_degrades_the_run(tmp_path: Path) -> None:
    port = str(free_port())
    options = ("--headless", "--rate", "20", "--length", "10s", "--processes", "2")
    ports = ("--master-bind-port", port, "--master-port", port)
    process = start("steady.py", *options, *ports, *FAULTS, run_dir=tmp_path)
    wait_for(lambda: recorded(tmp_path) > 40)
    workers = [p for p in psutil.Process(process.pid).children() if "locust" in " ".join(p.cmdline())]

    workers[0].terminate()
    played = finish(process, tmp_path, timeout_s=60)

    assert played.code == 1, played.out + played.err
    assert any("was lost" in reason for reason in played.summary["degraded"]), played.summary["degraded"]
    assert played.summary["in_flight_at_end"] > 0

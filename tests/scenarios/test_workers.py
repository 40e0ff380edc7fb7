"""Load processes of their own, started one by one as on several machines; and what a lost one costs."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from harness.units import NS
from tests.scenarios.running import (
    SLOW,
    Played,
    finish,
    free_port,
    mock_log,
    play,
    read_json,
    recorded,
    start,
    table,
    wait_for,
)
from tests.scenarios.test_conservation import FAULTS, HERE, assert_conserved

FAST = ("--transport", "fast")
FIVE_SECONDS = ("--mock-profile", str(HERE / "slow.toml"))

#: What a killed worker may cost: design law 3 and the pump's half second, with its work.
MOST_LOST_S = 1.0


class Fleet:
    """A master and its workers, each a Locust of its own."""

    def __init__(self, run_dir: Path, workers: int, *options: str) -> None:
        self.port = port = str(free_port())
        self.run_dir = run_dir
        self.workers = [
            start("steady.py", "--worker", "--master-port", port, run_dir=run_dir) for _ in range(workers)
        ]
        self.master = start(
            "steady.py",
            *("--headless", "--master", "--master-bind-port", port, "--expect-workers", str(workers)),
            *options,
            run_dir=run_dir,
        )

    def finish(self, timeout_s: float = 90) -> Played:
        """The master's end; workers end with it."""
        played = finish(self.master, self.run_dir, timeout_s)
        for worker in self.workers:
            with suppress(subprocess.TimeoutExpired):
                worker.communicate(timeout=10)
            assert worker.poll() is not None, "a worker outlived its master"
        return played


def assert_killed_worker_cost_a_second(folder: Path, killed_unix_ns: int) -> int:
    """What the killed worker had answered a second before its end is on disk; how many calls are missing."""
    killed_ns = killed_unix_ns - read_json(folder / "manifest.json")["started_unix_ns"]
    calls, ending = table(folder, "calls"), read_json(folder / "ending.json")
    workers = len(ending["scheduled"])
    (victim,) = [
        int(k) for k, n in ending["scheduled"].items() if n != sum(c["worker"] == int(k) for c in calls)
    ]
    last_ns = max(c["end_ns"] for c in calls if c["worker"] == victim)
    assert killed_ns - last_ns < MOST_LOST_S * NS
    log = mock_log(folder)
    sent_ns = {(a["call_id"], a["attempt"]): a["sent_ns"] for a in table(folder, "attempts")}
    # The server's clock is its own: nothing is received before it was sent.
    ahead_ns = max(
        sent_ns[row["call"], row["attempt"]] - row["received_us"] * 1000
        for row in log
        if (row["call"], row["attempt"]) in sent_ns
    )
    for row in log:
        answered_ns = ahead_ns + row["finished_us"] * 1000
        if row["call"] % workers == victim and row["status"] == 200 and not row["client_gone"]:
            assert (row["call"], row["attempt"]) in sent_ns or answered_ns > killed_ns - MOST_LOST_S * NS
    return sum(ending["scheduled"].values()) - len(calls)


@pytest.mark.parametrize("transport", [(), FAST])
def test_separate_processes_conserve_under_faults(transport: tuple[str, ...], tmp_path: Path) -> None:
    played = Fleet(tmp_path, 2, "--rate", "40", "--length", "8s", *transport, *FAULTS).finish()

    played.assert_whole()
    assert_conserved(played)
    assert {c["worker"] for c in table(played.folder, "calls")} == {0, 1}


@pytest.mark.slow
def test_separate_processes_drain_calls_that_outlast_the_run_time(tmp_path: Path) -> None:
    played = Fleet(tmp_path, 2, "--rate", "20", "-t", "4s", *FAST, *FIVE_SECONDS).finish()

    played.assert_whole()
    assert_conserved(played)
    assert {c["outcome"] for c in table(played.folder, "calls")} == {"ok"}


@pytest.mark.slow
def test_a_worker_killed_among_separate_ones_costs_a_second_and_fails_the_run(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 2, "--rate", "60", "--length", "14s", *FAST, *FAULTS)
    wait_for(lambda: recorded(tmp_path) > 240)

    fleet.workers[1].send_signal(signal.SIGKILL)
    killed_ns = time.time_ns()
    played = fleet.finish()

    assert played.code == 1, played.out + played.err
    assert any("was lost" in reason for reason in played.summary["degraded"])
    lost = assert_killed_worker_cost_a_second(played.folder, killed_ns)
    assert lost == played.summary["in_flight_at_end"] > 0


@pytest.mark.slow
def test_a_master_whose_only_worker_is_killed_ends(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 1, "--rate", "20", "--length", "5m", *FAST, *FAULTS)
    wait_for(lambda: recorded(tmp_path) > 40)

    fleet.workers[0].send_signal(signal.SIGKILL)
    began_s = time.monotonic()
    played = fleet.finish(timeout_s=45)

    assert time.monotonic() - began_s < 40
    assert played.code == 1, played.out + played.err
    assert any("was lost" in reason for reason in played.summary["degraded"])
    assert len(table(played.folder, "calls")) > 20


@pytest.mark.slow
def test_a_run_whose_forked_workers_are_all_killed_ends(tmp_path: Path) -> None:
    port = str(free_port())
    options = ("--rate", "20", "--length", "5m", "--processes", "2", *FAST, *FAULTS)
    process = start(
        "steady.py",
        "--headless",
        "--master-bind-port",
        port,
        "--master-port",
        port,
        *options,
        run_dir=tmp_path,
    )
    wait_for(lambda: recorded(tmp_path) > 40)

    for child in psutil.Process(process.pid).children():
        if "locust" in " ".join(child.cmdline()):
            child.send_signal(signal.SIGKILL)
    played = finish(process, tmp_path, timeout_s=45)

    assert played.code == 1, played.out + played.err
    assert sum("was lost" in reason for reason in played.summary["degraded"]) == 2


def test_a_worker_that_joins_in_the_middle_waits_for_the_next_run(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 1, "--rate", "20", "--length", "8s", *FAST, "--mock-profile", "instant")
    wait_for(lambda: recorded(tmp_path) > 20)
    late = start("steady.py", "--worker", "--master-port", fleet.port, run_dir=tmp_path)
    played = fleet.finish()
    _, said = late.communicate(timeout=20)

    played.assert_whole()
    assert {c["worker"] for c in table(played.folder, "calls")} == {0}
    assert "this worker joined after the run had begun: it waits for the next" in said
    assert "Traceback" not in said
    assert late.returncode == 0


def test_a_worker_that_is_interrupted_ends_its_calls_first(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 2, "--rate", "20", "--length", "9s", *FAST, *FIVE_SECONDS)
    wait_for(lambda: len(list(tmp_path.glob("*/calls-*.arrow"))) == 2)
    time.sleep(4)

    fleet.workers[0].send_signal(signal.SIGINT)
    interrupted_unix_ns = time.time_ns()
    played = fleet.finish()
    _, said = fleet.workers[0].communicate(timeout=10)

    assert "Shutting down" in said
    assert "Traceback" not in said
    (reason,) = (r for r in played.summary["degraded"] if "it was stopped before the end" in r)
    its = int(reason.split()[1])
    at_ns = interrupted_unix_ns - read_json(played.folder / "manifest.json")["started_unix_ns"]
    ended = [c for c in table(played.folder, "calls") if c["worker"] == its and c["end_ns"] > at_ns]
    assert "ok" in {c["outcome"] for c in ended}


def test_a_master_that_no_worker_joins_ends_when_told_how_long_to_wait(tmp_path: Path) -> None:
    port = str(free_port())
    options = ("--expect-workers", "1", "--expect-workers-max-wait", "2")
    process = start(
        "steady.py", "--headless", "--master", "--master-bind-port", port, *options, run_dir=tmp_path
    )

    played = finish(process, tmp_path, timeout_s=30)

    assert played.code == 1
    assert played.folders == []


def test_the_same_evening_in_one_process_and_in_two(tmp_path: Path) -> None:
    sent = []
    for processes in (1, 2):
        several = ("--processes", str(processes)) if processes > 1 else ()
        # What was offered is compared, not what became of it: nobody waits for slow replies.
        offered = ("--evening", "6s", "--peak-rps", "60", "--arrivals", "poisson")
        options = (*offered, "--mock-profile", "instant", *FAST, *several)
        played = play("primetime.py", *options, run_dir=tmp_path / str(processes))
        assert all(SLOW in reason for reason in played.summary["degraded"])
        calls = table(played.folder, "calls")
        sent.append({(c["call_id"], c["intended_ns"], c["kind"], c["shop"]) for c in calls})
    assert sent[0] == sent[1]
    assert len(sent[0]) > 100

"""The evening through the queue: law 1 under faults, back-pressure, and honest endings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.queue import EmbeddedServer
from harness.transport.till import BUDGET_SPENT
from tests.scenarios.running import (
    Played,
    finish,
    mock_log,
    play,
    read_json,
    recorded,
    start,
    table,
    wait_for,
)
from tests.scenarios.test_conservation import FAULTS, HERE, assert_conserved

#: Four calls at once, a second each: what comes faster than four a second has to wait.
NARROW = "preset = 'tuned'\n[concurrency]\nkind = 'static'\nlimit = 4\n[admission]\nmax_waiting = 0\n"


def slow(tmp_path: Path, reply_ms: int) -> tuple[str, ...]:
    """A server that takes so long for everything, and a client with four permits."""
    profile, policy = tmp_path / "slow.toml", tmp_path / "narrow.toml"
    profile.write_text((HERE / "slow.toml").read_text().replace("5000", str(reply_ms)))
    policy.write_text(NARROW)
    return "--mock-profile", str(profile), "--policy", str(policy)


def assert_nothing_runs(folder: Path) -> None:
    """Neither workers nor the server outlived the run."""
    assert EmbeddedServer(folder / "queue").pid() is None
    assert not [p for p in psutil.process_iter() if serves(p)]


def serves(process: psutil.Process) -> bool:
    """Whether it is a worker of a run of this test's own."""
    try:
        of = process.environ().get("PYTEST_CURRENT_TEST")
        return "harness.queued.worker" in process.cmdline() and of == os.environ["PYTEST_CURRENT_TEST"]
    except psutil.Error:
        return False


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The worker processes of a run."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "harness.queued.worker" in child.cmdline()]


def assert_ordered(calls: list[dict[str, int]]) -> None:
    """Every call that ended ok was accepted, then taken up, then done."""
    for call in calls:
        assert call["intended_ns"] <= call["start_ns"] <= call["accepted_ns"] <= call["end_ns"]
        assert call["start_ns"] <= call["taken_up_ns"] <= call["end_ns"]


def test_conservation_through_the_queue_under_faults(tmp_path: Path) -> None:
    played = play("queued.py", "--evening", "4s", "--peak-rps", "50", *FAULTS, run_dir=tmp_path)

    played.assert_whole()
    assert_conserved(played)
    calls = table(played.folder, "calls")
    assert_ordered([c for c in calls if c["outcome"] == "ok"])
    assert {"ok", "fatal"} <= {c["outcome"] for c in calls}
    assert {c["worker"] for c in calls} == {0}
    assert {a["worker"] for a in table(played.folder, "attempts")} == {1, 2}
    manifest = read_json(played.folder / "manifest.json")
    assert (manifest["architecture"], manifest["queue"]["first_worker"]) == ("queued", 1)
    assert sorted(c["call_id"] for c in calls) == list(range(manifest["schedule"]["count"]))
    assert {"queue_depth", "queue_age", "queue_processing"} <= {
        e["name"] for e in table(played.folder, "events")
    }
    assert "accepted by the queue" in played.out
    assert_nothing_runs(played.folder)


def test_a_full_queue_turns_customers_away_and_serves_those_it_took(tmp_path: Path) -> None:
    offered = ("--evening", "2s", "--peak-rps", "40", "--arrivals", "constant")
    played = play(
        "queued.py", *offered, "--queue-depth", "9", *slow(tmp_path, 1000), run_dir=tmp_path / "runs"
    )

    played.assert_whole()
    assert_conserved(played)
    calls = table(played.folder, "calls")
    turned_away = [c for c in calls if c["outcome"] == "rejected"]
    assert len(turned_away) > 20
    assert {(c["stopped_by"], c["attempts"], c["accepted_ns"]) for c in turned_away} == {
        ("admission", 0, None)
    }
    served = [c for c in calls if c["outcome"] == "ok"]
    assert len(served) + len(turned_away) == len(calls)
    assert len(served) >= 9  # four that run, and the five that may wait then
    queue = played.summary["queue"]
    assert (queue["refused"], queue["accepted"], queue["left"]) == (len(turned_away), len(served), 0)
    assert 1 <= queue["depth_max"] <= 9


@pytest.mark.slow
def test_a_killed_worker_of_the_queue_degrades_the_run_and_loses_nothing(tmp_path: Path) -> None:
    options = ("--evening", "12s", "--peak-rps", "40", "--queue-idle", "5s")
    process = start("queued.py", "--headless", *options, *FAULTS, run_dir=tmp_path)
    wait_for(lambda: recorded(tmp_path) > 60)

    workers(process)[0].send_signal(signal.SIGKILL)
    played = finish(process, tmp_path, timeout_s=80)

    assert played.code == 1, played.out + played.err
    assert any("queue worker" in r and "SIGKILL" in r for r in played.summary["degraded"])
    assert played.summary["in_flight_at_end"] == 0
    calls = table(played.folder, "calls")
    count = read_json(played.folder / "manifest.json")["schedule"]["count"]
    assert sorted(c["call_id"] for c in calls) == list(range(count))
    assert not [c for c in calls if c["outcome"] in {"cancelled", "local", "rejected"}]
    # What it held was taken up by the other, which numbers its attempts on.
    assert [a for a in table(played.folder, "attempts") if a["attempt"] > 1000 and a["outcome"] == "ok"]
    assert_nothing_runs(played.folder)


@pytest.mark.slow
def test_ctrl_c_withdraws_what_waits_and_leaves_no_process(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    options = ("--headless", "--evening", "5m", "--peak-rps", "30", *slow(tmp_path, 1000))
    process = start("queued.py", *options, run_dir=runs)
    wait_for(lambda: recorded(runs) > 20)

    os.killpg(process.pid, signal.SIGINT)
    played = finish(process, runs, timeout_s=60)

    played.assert_whole()
    assert "Traceback" not in played.out + played.err
    assert_conserved(played)
    assert read_json(played.folder / "ending.json")["reason"] == "stopped"
    calls = table(played.folder, "calls")
    assert {c["outcome"] for c in calls} == {"ok", "cancelled"}
    assert played.summary["queue"]["left"] == sum(c["outcome"] == "cancelled" for c in calls) > 10
    assert_nothing_runs(played.folder)


@pytest.mark.slow
def test_workers_and_server_end_when_the_run_is_killed(tmp_path: Path) -> None:
    process = start("queued.py", "--headless", "--evening", "5m", *FAULTS, run_dir=tmp_path)
    wait_for(lambda: recorded(tmp_path) > 10)
    crew, (folder,) = workers(process), list(tmp_path.iterdir())
    assert len(crew) == 2

    process.kill()
    finish(process, tmp_path)

    psutil.wait_procs(crew, timeout=30)
    assert_nothing_runs(folder)


@pytest.mark.slow
def test_two_load_processes_submit_to_one_queue(tmp_path: Path) -> None:
    options = ("--evening", "6s", "--peak-rps", "40", "--processes", "2", "--queue-workers", "3")
    played = play("queued.py", *options, *FAULTS, run_dir=tmp_path)

    played.assert_whole()
    assert_conserved(played)
    assert {c["worker"] for c in table(played.folder, "calls")} == {0, 1}
    assert {a["worker"] for a in table(played.folder, "attempts")} == {2, 3, 4}


@pytest.mark.slow
def test_a_server_of_one_s_own_is_used_and_left_running(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "server")
    server.start()
    try:
        file = tmp_path / "url"
        file.write_text(f"{server.url}\n")
        options = ("--evening", "3s", "--peak-rps", "40", "--queue-url-file", str(file))
        played = play("queued.py", *options, *FAULTS, run_dir=tmp_path / "runs")

        played.assert_whole()
        assert_conserved(played)
        assert server.pid() is not None
        assert not (played.folder / "queue").exists()
        assert read_json(played.folder / "manifest.json")["queue"]["server"] == server.url
    finally:
        server.stop()


@pytest.mark.slow
def test_a_server_that_is_killed_is_started_again_and_nothing_is_lost(tmp_path: Path) -> None:
    options = ("--headless", "--evening", "8s", "--peak-rps", "30")
    process = start("queued.py", *options, *FAULTS, run_dir=tmp_path)
    wait_for(lambda: recorded(tmp_path) > 40)
    (folder,) = tmp_path.iterdir()

    os.kill(EmbeddedServer(folder / "queue").pid() or 0, signal.SIGKILL)
    played = finish(process, tmp_path, timeout_s=80)

    assert_conserved(played)
    assert "Traceback" not in played.out + played.err
    count = read_json(folder / "manifest.json")["schedule"]["count"]
    assert sorted(c["call_id"] for c in table(folder, "calls")) == list(range(count))
    assert_nothing_runs(folder)


@pytest.mark.slow
def test_a_run_ends_when_its_budget_of_requests_is_spent(tmp_path: Path) -> None:
    options = ("--evening", "30s", "--peak-rps", "20", "--max-requests", "20")
    played = play("queued.py", *options, *FAULTS, run_dir=tmp_path)

    assert 0 < len(mock_log(played.folder)) <= 20
    assert played.summary["in_flight_at_end"] == 0
    # What could not be sent was given back: it is left in the queue, and no task has failed of it.
    calls = table(played.folder, "calls")
    assert any(a["code"] == BUDGET_SPENT for a in table(played.folder, "attempts"))
    assert any("left in the queue" in c["detail"] for c in calls)
    assert not any(c["code"] == BUDGET_SPENT for c in calls)
    assert read_json(played.folder / "ending.json")["reason"] == "stopped"


@pytest.mark.slow
def test_what_is_not_drained_in_time_is_recorded_as_left(tmp_path: Path) -> None:
    offered = ("--evening", "3s", "--peak-rps", "40", "--queue-drain", "3s")
    played = play("queued.py", *offered, *slow(tmp_path, 1000), run_dir=tmp_path / "runs")

    played.assert_whole()
    assert_conserved(played)
    calls = table(played.folder, "calls")
    left = [c for c in calls if c["outcome"] == "cancelled"]
    assert played.summary["queue"]["left"] == len(left) > 10
    assert any("time to drain it was over" in c["detail"] for c in left)


@pytest.mark.slow
def test_the_same_evening_direct_and_queued_side_by_side(tmp_path: Path) -> None:
    options = ("--evening", "15s", "--peak-rps", "30")
    direct = play("primetime.py", *options, run_dir=tmp_path / "direct")
    queued = play("queued.py", *options, run_dir=tmp_path / "queued")
    assert both_met_the_same_calls(direct, queued)

    command = ["-m", "reports", "compare", str(direct.folder), str(queued.folder), "-o", str(tmp_path)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stdout
    for word in ("tuned direct", "tuned queued", "acceptance p50", "drained after the peak"):
        assert word in done.stdout, done.stdout
    assert (tmp_path / "compare.png").stat().st_size > 10_000


def both_met_the_same_calls(direct: Played, queued: Played) -> bool:
    """Ids, instants, shops and kinds of copy."""
    one, other = (
        {(c["call_id"], c["intended_ns"], c["shop"], c["kind"]) for c in table(p.folder, "calls")}
        for p in (direct, queued)
    )
    return one == other and len(one) > 50

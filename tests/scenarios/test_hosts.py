"""A master and its workers on hosts of their own: its run folder is whole, or it is said what is not there.

Hosts share no files: each lays a directory of its own over the path of the runs.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.units import NS
from tests.scenarios.namespaces import Host, needs_namespaces, network
from tests.scenarios.running import SCENARIOS, Played, finish, read_json, recorded, table, wait_for
from tests.scenarios.test_conservation import FAULTS, assert_conserved
from tests.scenarios.test_cut_off import report

pytestmark = needs_namespaces

#: What a killed worker may cost the master: its own loss, and what it had not sent, a second's.
MOST_LOST_S = 2.5


class Hosts:
    """A master on host `m`, and a worker on each of the others, whose files are under `own[name]`."""

    def __init__(
        self,
        base: Path,
        hosts: dict[str, Host],
        options: tuple[str, ...],
        mock_host: str,
        without: dict[Path, Path],
    ) -> None:
        self.runs = base / "runs"
        self.runs.mkdir()
        self.hosts = hosts
        self._without = without
        self.own = {name: base / name for name in hosts if name != "m"}
        address = hosts["m"].address
        self.workers = {}
        for name, own in self.own.items():
            own.mkdir()
            self.workers[name] = self._start(name, "--worker", "--master-host", address)
        lead = ("--headless", "--master", "--expect-workers", str(len(self.workers)))
        self.master = self._start("m", *lead, "--mock-host", mock_host or address, *options)

    def _start(self, name: str, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "locust", "-f", str(SCENARIOS / "steady.py")]
        own = {self.runs: self.own[name], **self._without} if name in self.own else {}
        return self.hosts[name].start(*command, "--run-dir", str(self.runs), *options, own=own)

    def finish(self, timeout_s: float = 90) -> Played:
        return finish(self.master, self.runs, timeout_s)

    def index(self, name: str) -> int:
        """The number of a host's worker in the run."""
        (calls,) = self.own[name].glob("*/calls-*.arrow")
        return int(calls.name.split("-")[1])

    def kept(self, name: str) -> Path:
        """The run's folder on a worker's host."""
        (folder,) = self.own[name].iterdir()
        return folder

    def assert_same(self, played: Played, *names: str) -> None:
        """The master has of these workers what they have themselves, to the byte."""
        for name in names:
            files = sorted(self.kept(name).iterdir())
            assert len(files) == 3
            for file in files:
                assert (played.folder / file.name).read_bytes() == file.read_bytes(), file.name


@contextmanager
def fleet(
    base: Path,
    *options: str,
    workers: int = 2,
    mock_host: str = "",
    without: dict[Path, Path] | None = None,
) -> Iterator[Hosts]:
    """On the workers' hosts, directories of `without` are others."""
    with network("m", *(f"w{n}" for n in range(workers))) as hosts:
        yield Hosts(base, hosts, options, mock_host, without or {})


def steady(length_s: int) -> tuple[str, ...]:
    return ("--rate", "40", "--length", f"{length_s}s", "--transport", "fast", *FAULTS)


def reasons(played: Played) -> list[str]:
    degraded: list[str] = read_json(played.folder / "summary.json")["degraded"]
    return degraded


def test_records_of_workers_on_other_hosts_come_whole(tmp_path: Path) -> None:
    with fleet(tmp_path, *steady(5)) as here:
        played = here.finish()

        played.assert_whole()
        assert_conserved(played)
        assert {c["worker"] for c in table(played.folder, "calls")} == {0, 1}
        here.assert_same(played, "w0", "w1")
        elsewhere = read_json(played.folder / "ending.json")["elsewhere"]
        assert sorted(kept["host"] for kept in elsewhere.values()) == ["w0", "w1"]
        assert {kept["folder"] for kept in elsewhere.values()} == {str(played.folder)}
        for worker in here.workers.values():
            _, said = worker.communicate(timeout=20)
            assert worker.returncode == 0
            assert f"its records go to the master, and to {played.folder}" in said


def test_a_policy_file_is_needed_on_the_master_only(tmp_path: Path) -> None:
    policies, nothing = tmp_path / "policies", tmp_path / "nothing"
    policies.mkdir()
    nothing.mkdir()
    mine = policies / "mine.toml"
    mine.write_text("[retry]\nattempts = 1\n")
    options = ("--rate", "40", "--length", "4s", "--mock-profile", "instant", "--policy", str(mine))
    with fleet(tmp_path, *options, workers=1, without={policies: nothing}) as here:
        played = here.finish()

    played.assert_whole()
    assert read_json(played.folder / "manifest.json")["policy"]["name"] == "mine"


def test_a_mock_server_out_of_the_workers_reach_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with fleet(tmp_path, *steady(5), mock_host="127.0.0.1") as here:
        played = here.finish()

    assert played.code == 2
    assert played.folders == []
    assert (
        "workers on w0, w1 do not reach the bundled mock server on 127.0.0.1: start the master with"
        " --mock-host and an address of its own, or with --host"
    ) in played.err
    assert "Traceback" not in played.err


@pytest.mark.slow
@pytest.mark.parametrize("cut_s", [3, 9])  # the master notices what takes longer than four
def test_a_worker_that_is_cut_off_for_a_while_delivers_what_was_missed(cut_s: int, tmp_path: Path) -> None:
    with fleet(tmp_path, *steady(20)) as here:
        wait_for(lambda: recorded(here.runs) > 100)

        here.hosts["w1"].cut()
        time.sleep(cut_s)
        here.hosts["w1"].mend()
        played = here.finish()

        played.assert_whole()
        assert_conserved(played)
        here.assert_same(played, "w0", "w1")
        assert ("is lost: it disappeared" in played.err) == ("is back" in played.err) == (cut_s > 4)


@pytest.mark.slow
def test_a_worker_that_is_cut_off_for_good_is_told_of_and_its_files_complete_the_run(tmp_path: Path) -> None:
    with fleet(tmp_path, *steady(10)) as here:
        wait_for(lambda: recorded(here.runs) > 100)

        here.hosts["w1"].cut()
        played = here.finish()
        lost = here.index("w1")

        assert played.code == 1, played.out + played.err
        assert "Traceback" not in played.err
        first, *others = reasons(played)
        assert re.fullmatch(
            rf"worker {lost} on w1 was lost: it disappeared; \d+ of the at least \d+ calls that it recorded"
            rf" arrived, up to second \d+\.\d; to have all, copy w1:{played.folder}/\*-{lost}-\*\.arrow"
            " into this folder and summarise it again",
            first,
        )
        assert any("calls were scheduled but not recorded" in reason for reason in others)
        here.assert_same(played, "w0")
        for file in here.kept("w1").iterdir():  # what is here is where it begins
            assert file.read_bytes().startswith((played.folder / file.name).read_bytes())
        # It plays its share to the end, though its calls fail, and closes its files.
        wait_for(lambda: all(ended(file) for file in here.kept("w1").iterdir()))

        for file in here.kept("w1").iterdir():
            shutil.copy(file, played.folder)
        assert report("summarise", played.folder).returncode == 0

        assert all("the generator was the bottleneck" in reason for reason in reasons(played)), reasons(
            played
        )
        assert_conserved_calls(played)


@pytest.mark.slow
def test_a_killed_worker_costs_what_it_had_not_sent_and_is_told_of(tmp_path: Path) -> None:
    with fleet(tmp_path, *steady(12)) as here:
        wait_for(lambda: recorded(here.runs) > 100)

        here.workers["w1"].send_signal(signal.SIGKILL)
        killed_ns = time.time_ns() - read_json(next(here.runs.iterdir()) / "manifest.json")["started_unix_ns"]
        played = here.finish()
        killed = here.index("w1")

        assert played.code == 1, played.out + played.err
        assert reasons(played)[0].startswith(f"worker {killed} on w1 was lost: it disappeared; ")
        here.assert_same(played, "w0")
        last_ns = max(c["end_ns"] for c in table(played.folder, "calls") if c["worker"] == killed)
        assert killed_ns - last_ns < MOST_LOST_S * NS


def test_a_ctrl_c_on_the_master_ends_the_run_in_good_order(tmp_path: Path) -> None:
    with fleet(tmp_path, *steady(300)) as here:
        wait_for(lambda: recorded(here.runs) > 60)

        os.killpg(here.master.pid, signal.SIGINT)
        played = here.finish()

        played.assert_whole()
        assert_conserved(played)
        here.assert_same(played, "w0", "w1")
        assert read_json(played.folder / "ending.json")["reason"] == "stopped"
        for worker in here.workers.values():
            with suppress(subprocess.TimeoutExpired):
                worker.communicate(timeout=20)
            assert worker.returncode == 0


@pytest.mark.slow
def test_workers_that_are_all_interrupted_drain_and_deliver_first(tmp_path: Path) -> None:
    with fleet(tmp_path, *steady(300)) as here:
        wait_for(lambda: recorded(here.runs) > 60)

        for worker in here.workers.values():
            os.killpg(worker.pid, signal.SIGINT)
        played = here.finish()

        played.assert_whole()
        assert_conserved(played)
        here.assert_same(played, "w0", "w1")
        for worker in here.workers.values():
            _, said = worker.communicate(timeout=20)
            assert worker.returncode == 0
            assert "Traceback" not in said
            assert "are not with the master" not in said


def ended(file: Path) -> bool:
    """Whether a stream ends as its writer ends it."""
    return file.read_bytes().endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00")


def assert_conserved_calls(played: Played) -> None:
    """Scheduled = recorded, once each."""
    ids = [c["call_id"] for c in table(played.folder, "calls")]
    scheduled = read_json(played.folder / "ending.json")["scheduled"]
    assert len(ids) == len(set(ids)) == sum(scheduled.values())

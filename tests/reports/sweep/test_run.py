"""Sweeps as people run them: the same result however it is played, and after whatever ended it before."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import psutil
import pytest

from reports.__main__ import main
from tests.reports.virtual import small

LONG = """\
mock_profile = "calm"
seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
[steady]
rate = 8
length = "40s"
[grid]
"concurrency.limit" = [2, 5, 50]
"""
CELLS = 30
HINT = "interrupted: what is finished is kept; run the same command to go on\n"

Ended = tuple[int, str, str]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.spec_file(tmp_path_factory.mktemp("spec"), LONG)


@pytest.fixture(scope="module")
def whole(spec: Path) -> Path:
    """The folder of that sweep, played without a break."""
    out = spec.with_name("whole")
    code, _, err = small.run("sweep", spec, "--out", out, "--jobs", 2, PYTHONHASHSEED="1")
    assert (code, err.splitlines()[-1]) == (0, f"{CELLS} of {CELLS} cells")
    assert len(small.cells(out)) == CELLS
    return out


def cut_off(spec: Path, out: Path, how: Callable[[Popen[str]], None], least: int) -> Ended:
    """Begin the sweep, end it so once so many cells are there, and see that nobody goes on in its place."""
    process = small.begin("sweep", spec, "--out", out, "--jobs", 2)
    small.wait_for(lambda: len(small.children(process.pid)) >= 2 and len(small.cells(out)) >= least)
    below = small.children(process.pid)
    how(process)
    said, err = process.communicate(timeout=20)
    gone, alive = psutil.wait_procs(below, timeout=10)
    assert (len(gone) >= 2, alive) == (True, [])
    assert least <= len(small.cells(out)) < CELLS
    return process.returncode, said, err


def go_on(spec: Path, out: Path, whole: Path) -> None:
    """Run the same again: only what is missing is played, and the result is that of an unbroken run."""
    before = {path: path.stat().st_mtime_ns for path in (out / "cells").glob("*.json")}
    code, _, err = small.run("sweep", spec, "--out", out, "--jobs", 1, PYTHONHASHSEED="2")
    assert (code, err.splitlines()[-1]) == (0, f"{CELLS} of {CELLS} cells")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert small.cells(out) == small.cells(whole)
    for name in ("sweep.json", "sweep.csv", "sweep.html", "grid.png", "pareto.png"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


def test_kill_9_in_the_middle_leaves_no_process_and_the_same_result(
    spec: Path, whole: Path, tmp_path: Path
) -> None:
    def kill(process: Popen[str]) -> None:
        process.kill()

    code, said, err = cut_off(spec, tmp_path, kill, 3)
    assert (code, said) == (-signal.SIGKILL, "")
    assert "Traceback" not in err
    go_on(spec, tmp_path, whole)


def interrupt(process: Popen[str]) -> None:
    """Ctrl-C on a terminal: every process of the group hears of it."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize("least", [0, pytest.param(3, marks=pytest.mark.slow)], ids=["start", "middle"])
def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(spec: Path, tmp_path: Path, least: int) -> None:
    code, said, err = cut_off(spec, tmp_path, interrupt, least)
    assert (code, said) == (130, "")
    assert err.endswith(HINT)
    assert "Traceback" not in err


def test_a_sweep_tells_people_and_machines_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = small.spec_file(tmp_path, small.SWEEP)
    command = ["sweep", str(spec), "--out", str(tmp_path / "out"), "--jobs", "2"]
    assert main(command) == 0
    table = capsys.readouterr().out
    assert "policy tuned against calm: 5 calls/s in 20 s, 2 paired seeds" in table
    assert table.count("wrote ") == 5
    assert main([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    assert out == (tmp_path / "out" / "sweep.json").read_text(encoding="utf-8")
    assert [row["settings"]["concurrency.limit"] for row in json.loads(out)["rows"]] == [2, 2, 5, 5]
    assert err == "8 of 8 cells\n"  # none played again


def test_an_out_folder_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = small.spec_file(tmp_path, small.SWEEP.replace("[2, 5]", "[2]").replace("[1, 3]", "[1]"))
    (tmp_path / "out" / "sweep.json").mkdir(parents=True)
    assert main(["sweep", str(spec), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("reports: error: ")

"""Studies as people run them: the same result however they are played, and a valid one after a kill."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from harness.policy_file import load_policy
from reports.__main__ import main
from tests.reports.virtual import small

HINT = "interrupted: what is finished is kept; run the same command to go on\n"


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.spec_file(tmp_path_factory.mktemp("spec"), small.TUNE)


@pytest.fixture(scope="module")
def whole(spec: Path) -> Path:
    """The folder of that study, played without a break."""
    out = spec.with_name("whole")
    code, _, err = small.run("tune", spec, "--out", out, "--jobs", 2, PYTHONHASHSEED="1")
    assert (code, "Warning" in err) == (0, False)
    return out


def test_a_study_is_the_same_however_it_is_played(spec: Path, whole: Path, tmp_path: Path) -> None:
    assert small.run("tune", spec, "--out", tmp_path, "--jobs", 1, PYTHONHASHSEED="2")[0] == 0
    for name in ("tune.json", "tuned.toml", "tune.html", "tried.png"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name
    assert small.cells(tmp_path) == small.cells(whole)


def test_a_study_s_file_is_what_it_says(whole: Path) -> None:
    told = json.loads((whole / "tune.json").read_text(encoding="utf-8"))
    assert told["rungs"] == [1, 3]
    assert told["winner"]["seeds"] == 3
    policy = load_policy(str(whole / "tuned.toml"))
    limit = told["winner"]["settings"].get("concurrency.limit")
    assert limit is None or policy.concurrency.limit == limit
    assert len(told["trials"]) == 11  # ten trials and today's: an adaptive limit is no static one
    assert told["trials"][0]["trial"] is None
    assert told["today"] == {"concurrency.limit": "not read", "deadline_s": 24.9}


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_study_that_was_cut_off_goes_on(spec: Path, tmp_path: Path, how: signal.Signals) -> None:
    process = small.begin("tune", spec, "--out", tmp_path, "--jobs", 2)
    small.wait_for(lambda: len(small.cells(tmp_path)) >= 3)
    below = small.children(process.pid)
    if how is signal.SIGKILL:
        process.kill()
    else:
        os.killpg(process.pid, how)
    said, err = process.communicate(timeout=20)
    _, alive = psutil.wait_procs(below, timeout=10)
    assert (alive, said) == ([], "")
    assert "Traceback" not in err
    if how is signal.SIGINT:
        assert (process.returncode, err.endswith(HINT)) == (130, True)
    assert not (tmp_path / "tune.json").exists()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").glob("*.json")}
    assert small.run("tune", spec, "--out", tmp_path, "--jobs", 2)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    told = json.loads((tmp_path / "tune.json").read_text(encoding="utf-8"))
    numbers = [trial["trial"] for trial in told["trials"] if trial["trial"] is not None]
    assert len(numbers) == len(set(numbers)) == 10
    load_policy(str(tmp_path / "tuned.toml"))


def test_without_a_winner_today_s_settings_are_written_and_nothing_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = small.TUNE.replace("trials = 10", 'trials = 2\nconstraints = ["amplification < 0.01"]')
    spec = small.spec_file(tmp_path, text)
    assert main(["tune", str(spec), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    assert (
        "No setting that was tried keeps every constraint: today's settings stay." in capsys.readouterr().out
    )
    written = tmp_path / "out" / "tuned.toml"
    assert written.read_text(encoding="utf-8").splitlines()[-1] == 'preset = "tuned"'
    assert main(["tune", str(spec), "--out", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["winner"] is None

"""`gate --ab` under Locust, against the bundled mock server: what it exists for, once for real."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.reports.virtual import small

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]

#: Replies of a second: a run has its 240 calls in eight seconds, and soon drains.
BRISK = """\
name = "brisk"
[ttft]
median_ms = 900
p95_ms = 1000
[inter_token]
median_ms = 0.2
p95_ms = 0.3
"""

#: Thirty calls a second of a second each want thirty permits; twenty make a line.
NARROW = """\
preset = "tuned"
[concurrency]
kind = "static"
limit = 20
"""

LOAD = ("--rate", 30, "--length", "8s", "--mock-profile", "brisk.toml", "--pairs", 6)


def gate(folder: Path, *arguments: object) -> tuple[int, str, str]:
    """In a folder that has the profile and the narrow policy."""
    (folder / "brisk.toml").write_text(BRISK)
    (folder / "narrow.toml").write_text(NARROW)
    done = subprocess.run(
        small.command("gate", *arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def patiently(folder: Path, *arguments: object) -> tuple[int, str, str]:
    """The same command again where a busy machine spoiled a run three times: it goes on where it was."""
    for _ in range(4):
        code, out, err = gate(folder, *arguments)
        if "is degraded, 3 times" not in out:
            break
    return code, out, err


def test_the_same_policy_passes_and_a_narrow_one_is_a_regression(tmp_path: Path) -> None:
    code, out, err = patiently(tmp_path, "--ab", "tuned", "tuned", *LOAD, "--out", "same")
    assert code == 0, out + err

    code, out, err = patiently(tmp_path, "--ab", "tuned", "narrow.toml", *LOAD, "--out", "narrow")
    assert code == 1, out + err
    (line,) = [line for line in out.splitlines() if line.startswith("call_latency.p50")]
    assert line.endswith("regression")


def test_ctrl_c_leaves_no_process_and_no_worktree_behind(tmp_path: Path) -> None:
    listed = ("git", "-C", str(ROOT), "worktree", "list")
    before = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    (tmp_path / "brisk.toml").write_text(BRISK)
    out = tmp_path / "out"
    given = [*LOAD, "--mock-profile", tmp_path / "brisk.toml", "--out", out]
    process = subprocess.Popen(
        small.command("gate", "--commit", "HEAD", *given),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    small.wait_for(lambda: bool(list((out / "unfinished").glob("*/manifest.json"))), 60)
    below = small.children(process.pid)
    places = [child.environ()["PYTHONPATH"] for child in below]
    assert len(places) >= 2  # Locust and its mock server: the base side is the commit's code
    assert all(Path(place).parent.name.startswith("primetime-gate-") for place in places)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert f"finished runs are kept in {out}; run the same command to go on" in err
    small.wait_for(lambda: not any(child.is_running() for child in below), 20)
    after = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    assert after == before

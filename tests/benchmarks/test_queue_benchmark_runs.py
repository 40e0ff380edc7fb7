"""The benchmark of the queue runs from end to end. Its figures are not asserted: the machine decides."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.queue_rounds import KINDS

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.benchmarks.queue"]


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )


def test_every_way_has_a_row_for_machines_and_serves_every_task() -> None:
    done = command("--quick", "--json", "--fsync", "everysec")

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["tasks"], document["rounds"], document["fsync"]) == (60, 1, "everysec")
    assert tuple(row["name"] for row in document["rows"]) == KINDS
    for row in document["rows"]:
        assert row["submitted_per_s"] > 0
        assert row["completed_per_s"] > 0
        assert row["cpu_us"] > 0
        assert row["alone_ms"] > 0
    assert document["rows"][-1]["submitted_times_list"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "--rounds 0: expected from 1 to 1000"),
        (["--tasks", "x"], "invalid int value: 'x'"),
        (["--fsync", "never"], "invalid choice: 'never'"),
    ],
)
def test_bad_arguments_are_named(arguments: list[str], message: str) -> None:
    done = command(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr

"""The benchmark of virtual time runs from end to end. Its figures are not asserted: the machine decides."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import long_evenings, sim_rounds
from tests.benchmarks.long_evenings import Found
from tests.benchmarks.sim_rounds import Row

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.benchmarks.sim"]
NAMES = (sim_rounds.CALM, sim_rounds.PRIMETIME, sim_rounds.BARE)


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_peer_has_a_row_and_every_bound_a_line() -> None:
    done = command("--quick", "--rounds", "1")

    assert done.returncode in {0, 1}, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    for name in NAMES:
        assert sum(line.startswith(f"{name}  ") for line in lines) == 1, done.stdout
    assert sum(line.startswith(("PASS", "FAIL")) for line in lines) == 3
    assert (done.returncode == 1) == ("FAIL" in done.stdout)


def test_the_same_for_machines_and_every_peer_plays_every_call() -> None:
    done = command("--quick", "--rounds", "1", "--json")

    document = json.loads(done.stdout)
    assert [row["name"] for row in document["rows"]] == list(NAMES)
    assert len({row["calls"] for row in document["rows"]}) == 1
    assert all(row["calls_per_s"] > 0 for row in document["rows"])
    assert [round(item["length_s"]) for item in document["evenings"]] == [20, 100, 100]
    assert all(0 < item["ok"] <= item["calls"] for item in document["evenings"])
    assert len(document["acceptance"]) == 3


def test_the_bounds_are_those_of_the_acceptance() -> None:
    rows = [Row(name, lambda: 1, 1, [1.0], [us]) for name, us in zip(NAMES, (125.0, 125.1, 16), strict=True)]
    found = [Found(1.0, 20.0, 1, 1, 1.0, 1.0, peak) for peak in (95_000_000, 106_000_000)]

    assert [check.passed for check in sim_rounds.checks(rows)] == [True, False]
    assert not long_evenings.check(found).passed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "--rounds 0: expected at least 1"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
    ],
)
def test_bad_arguments_are_named(arguments: list[str], message: str) -> None:
    done = command(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr

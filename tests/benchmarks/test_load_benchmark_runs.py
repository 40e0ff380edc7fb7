"""The load benchmark's command. Its figures are not asserted: a busy machine decides them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.benchmarks.load.__main__ import NAMES
from tests.benchmarks.load.sections import SECTIONS

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.benchmarks.load"]


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_names_on_the_command_line_are_those_of_the_sections() -> None:
    assert tuple(section.name for section in SECTIONS) == NAMES


@pytest.mark.slow
def test_many_slow_calls_in_flight_have_a_table_and_every_bound_a_line() -> None:
    done = command("in-flight", "--quick", "--json")

    assert done.returncode in {0, 1}, done.stderr
    document = json.loads(done.stdout)["in-flight"]
    assert document["in_flight"] > 300
    assert document["bytes_a_call"] > 0
    assert np.isfinite(document["schedule_lag_ms"]["p99"])
    assert document["errors"] == 0
    assert len(document["acceptance"]) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["thruput"], "unknown section 'thruput': expected some of throughput, streaming"),
        (["--rounds", "0"], "--rounds 0: expected at least 1"),
        (["--seconds", "1"], "--seconds 1: expected at least 3"),
        (["--seconds", "nan"], "--seconds nan: expected at least 3"),
        (["--rounds", "many"], "invalid int value: 'many'"),
    ],
)
def test_bad_arguments_are_named(arguments: list[str], message: str) -> None:
    done = command(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_the_benchmark_and_all_it_started_without_a_traceback() -> None:
    process = subprocess.Popen(
        [*COMMAND, "in-flight"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    parent = psutil.Process(process.pid)
    while len(children := parent.children(recursive=True)) < 2:  # the server and the scenario
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, said = process.communicate(timeout=30)

    assert process.returncode == 130
    assert said.strip() == "interrupted"
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []

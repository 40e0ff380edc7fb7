"""The client's benchmark runs from end to end. Its figures are not asserted: a busy machine decides them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.policy.presets import TUNED
from tests.benchmarks import peers, table
from tests.benchmarks.client import MOST_CONCURRENT
from tests.benchmarks.rounds import Row
from tests.benchmarks.zero_server import end_of_request

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.benchmarks.client"]


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_peer_has_a_row_and_every_bound_a_line() -> None:
    done = command("--calls", "10", "--concurrency", "5", "--rounds", "2")

    assert done.returncode in {0, 1}, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    for peer in peers.PEERS:
        assert sum(line.startswith(f"{peer.name}  ") for line in lines) == 1, done.stdout
    assert sum(line.startswith(("PASS", "FAIL")) for line in lines) == 3
    assert (done.returncode == 1) == ("FAIL" in done.stdout)


def test_the_same_for_machines() -> None:
    done = command("--calls", "5", "--concurrency", "5", "--rounds", "1", "--json")

    document = json.loads(done.stdout)
    assert [row["name"] for row in document["rows"]] == [peer.name for peer in peers.PEERS]
    measured = [row for row in document["rows"] if "skipped" not in row]  # pyreqwest may not be there
    assert len(measured) >= len(peers.PEERS) - 1
    assert all(row["calls_per_s"] > 0 and row["cpu_us"] > 0 for row in measured)
    assert len(document["acceptance"]) == 3


def test_a_peer_that_is_not_installed_is_shown_as_skipped() -> None:
    absent = peers.Peer(peers.OPENAI, peers.PEERS[0].open, needs=("json", "no_such_module"))
    rows = [Row(absent, 10, absent.missing)]

    assert f"{peers.OPENAI}  skipped: no_such_module is not installed" in table.text(rows)
    assert table.document(rows) == [{"name": peers.OPENAI, "skipped": "no_such_module is not installed"}]
    assert all(check.line.startswith("SKIPPED") for check in table.checks(rows))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--calls", "0"], "--calls 0: expected at least 1"),
        (["--rounds", "-1"], "--rounds -1: expected at least 1"),
        (["--concurrency", "139"], "--concurrency 139: expected at most 138, the permits of 'tuned'"),
        (["--calls", "10"], "--calls 10: expected at least --concurrency 50"),
        (["--calls", "many"], "invalid int value: 'many'"),
        (["--round", "1", "--frobnicate"], "unrecognized arguments: --frobnicate"),
    ],
)
def test_bad_arguments_are_named(arguments: list[str], message: str) -> None:
    done = command(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_the_benchmark_and_its_server_without_a_traceback() -> None:
    process = subprocess.Popen(
        COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not (children := psutil.Process(process.pid).children()):
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, said = process.communicate(timeout=20)

    assert process.returncode == 130
    assert said.strip() == "interrupted"
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_callers_never_queue_for_permits() -> None:
    # A success adds permits to the initial ones, and nothing in the benchmark takes any away.
    assert TUNED.concurrency.initial == MOST_CONCURRENT <= TUNED.concurrency.max


def test_the_server_finds_the_end_of_a_request_at_any_cut() -> None:
    first = b"POST /v1/x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
    data = first + b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"

    assert [end_of_request(data[:cut], 0) for cut in range(len(first))] == [None] * len(first)
    assert end_of_request(data, 0) == len(first)
    assert end_of_request(data, len(first)) == len(data)

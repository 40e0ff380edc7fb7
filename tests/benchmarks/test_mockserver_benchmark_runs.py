"""The mock server's benchmark runs from end to end. Its figures are not asserted, but for the memory's."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.benchmarks import mock_rounds, mock_table, raw_server, replies, servers
from tests.benchmarks.driving import ReplyEnd
from tests.benchmarks.mock_rounds import Row

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.benchmarks.mockserver"]
SHORT = ("--rounds", "1", "--seconds", "0.1", "--connections", "5", "--no-install")


def command(cache: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """With a cache of its own, in which there is no aimock."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )


def test_every_server_has_two_rows_and_every_bound_a_line(tmp_path: Path) -> None:
    done = command(tmp_path, *SHORT)

    assert done.returncode in {0, 1}, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    for name in (mock_rounds.OURS, mock_rounds.BARE, mock_rounds.AIMOCK, mock_rounds.ROOFLINE):
        assert sum(line.startswith(f"{name}  ") for line in lines) == 2, done.stdout
    assert sum(line.startswith(("PASS", "FAIL")) for line in lines) == 2
    assert sum(line.startswith("SKIPPED") for line in lines) == 2
    assert sum("  skipped: " in line for line in lines) == 2
    assert (done.returncode == 1) == ("FAIL" in done.stdout)


def test_the_same_for_machines(tmp_path: Path) -> None:
    done = command(tmp_path, *SHORT, "--json")

    document = json.loads(done.stdout)
    measured = [row for row in document["rows"] if "skipped" not in row]
    assert len(measured) == 6
    assert all(row["per_s"] > 0 and row["cpu_us_a_reply"] >= 0 for row in measured)
    assert [check["passed"] for check in document["acceptance"]].count(None) == 2


def test_the_memory_is_looked_at_on_the_way(tmp_path: Path) -> None:
    done = command(tmp_path, "--memory", "1000", "--json")

    document = json.loads(done.stdout)
    assert [row["requests"] for row in document["rows"]] == [500, 600, 700, 800, 900, 1000]
    assert document["served"] + document["refused"] + document["lost"] == 1000
    assert document["served"] > document["refused"] > document["lost"] > 0


@pytest.mark.slow
def test_the_memory_stays_flat(tmp_path: Path) -> None:
    """The small version of what `--memory` does over a million requests."""
    done = command(tmp_path, "--memory", "40000")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "--rounds 0: expected at least 1"),
        (["--seconds", "nan"], "--seconds nan: expected more than 0, at most 60"),
        (["--seconds", "-1"], "--seconds -1.0: expected more than 0, at most 60"),
        (["--connections", "0"], "--connections 0: expected 1 to 1000"),
        (["--memory", "10"], "--memory 10: expected at least 1000 requests"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
    ],
)
def test_bad_arguments_are_named(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = command(tmp_path, *arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--no-install"], ["--memory"]], ids=["speed", "memory"])
def test_ctrl_c_ends_the_benchmark_and_its_servers_without_a_traceback(arguments: list[str]) -> None:
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (children := psutil.Process(process.pid).children()):
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, said = process.communicate(timeout=20)

    assert process.returncode == 130
    assert said.strip() == "interrupted"
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_a_server_that_is_missing_has_no_figures_and_no_verdict() -> None:
    rows = [Row(name, stream, "node is not installed") for stream in (False, True) for name in _NAMES]
    for row in rows:
        if row.name != mock_rounds.AIMOCK:
            row.skipped = None
            row.replies_per_s, row.cpu_us, row.generator_busy = [100.0], [10.0], [0.5]

    assert mock_table.text(rows).count("skipped: node is not installed") == 2
    verdicts = [check.line for check in mock_table.checks(rows)]
    assert [line.split()[0] for line in verdicts] == ["SKIPPED", "PASS"] * 2


def test_the_bounds_are_those_of_the_acceptance() -> None:
    rows = [Row(name, stream) for stream in (False, True) for name in _NAMES]
    rates = {mock_rounds.OURS: 119.0, mock_rounds.AIMOCK: 60.0, mock_rounds.BARE: 198.0}
    for row in rows:
        row.replies_per_s, row.cpu_us, row.generator_busy = [rates.get(row.name, 1e6)], [10.0], [0.5]

    # 119 is less than twice 60, and 60.1 % of 198.
    assert [check.passed for check in mock_table.checks(rows)] == [False, True] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_ends_where_it_ends_at_any_cut(stream: bool) -> None:  # noqa: FBT001 - a parameter
    reply = raw_server.answer(stream=stream)
    for cut in (*range(len(reply) - 40, len(reply)), *range(0, len(reply), 97)):
        end = ReplyEnd()
        assert end.feed(reply[:cut]) is False
        assert end.feed(reply[cut:]) is True
        assert end.status == b"200"


def test_a_reply_of_another_length_is_an_error() -> None:
    with servers.raw((), stream=False) as server:
        replies.check("ready", server.port, stream=False)
        with pytest.raises(replies.WrongReplyError, match=r"^ready: not the reply of the API: "):
            replies.check("ready", server.port, stream=True)


_NAMES = (mock_rounds.OURS, mock_rounds.BARE, mock_rounds.AIMOCK, mock_rounds.ROOFLINE)

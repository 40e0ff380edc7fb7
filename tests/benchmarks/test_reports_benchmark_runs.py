"""The benchmark of the reports runs from end to end. Its times are not asserted: the machine decides."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reports.reading.load import read_run
from tests.benchmarks import big_run, report_rounds
from tests.benchmarks.measured import Measured
from tests.benchmarks.report_rounds import Row

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.benchmarks.reports"]


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_way_has_a_row_and_every_bound_a_line() -> None:
    done = command("--calls", "12000", "--rounds", "1", "--json")

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert [row["name"] for row in document["rows"]] == list(report_rounds.WAYS.values())
    assert document["calls"] == 12000
    assert document["attempts"] > 13000
    assert all(row["wall_s"] > 0 and row["most_bytes_of_rounds"][0] > 10**7 for row in document["rows"])
    assert [check["passed"] for check in document["acceptance"]] == [True, True]


def test_the_run_that_is_made_is_a_whole_one(tmp_path: Path) -> None:
    made = big_run.make(tmp_path / "run", 5000)
    run = read_run(tmp_path / "run")

    assert run.cut == ()
    assert run.ending is not None
    assert run.calls.call_id.tolist() == list(range(5000))
    assert len(run.attempts) == made.attempts == run.calls.attempts.sum()
    assert (run.calls.end_ns[run.call_of_attempt] >= run.attempts.end_ns).all()
    assert set(run.calls.outcome.unique()) == {"ok", "throttled", "overloaded", "transient", "timeout"}


def test_memory_beyond_the_bound_fails() -> None:
    rows = [Row("summarise"), Row("html"), Row("polars")]
    for row, worst in zip(rows, (1_999_999_999, 2_000_000_000, 9_000_000_000), strict=True):
        row.measured += [Measured(2.0, 1, {}), Measured(4.0, worst, {}), Measured(3.0, 2, {})]

    assert [check.passed for check in report_rounds.checks(rows)] == [True, False]
    assert rows[0].wall_s == 3.0


def test_a_figure_that_is_another_is_named() -> None:
    latency = {"p50": 1.0, "p99": "inf", "n": 100}
    ours = dict.fromkeys(report_rounds.COMPARED, latency)
    ours |= {"outcomes": {"ok": 100, "timeout": 0}, "kinds": {"caption": {"call_latency_ms": latency}}}
    same = {**ours, "outcomes": {"ok": 100}}

    assert report_rounds.different(ours, same) == []
    other = {**same, "e2el_ms": {**latency, "p50": 1.00001}}
    assert report_rounds.different(ours, other) == ["e2el_ms.p50 is 1.0, not 1.00001"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "--rounds 0: expected at least 1"),
        (["--calls", "-1"], "--calls -1: expected at least 1"),
        (["--calls", str(10**13)], "GB left, a run of 10,000,000,000,000 calls needs 4,000,000.0 GB"),
    ],
)
def test_bad_arguments_and_too_small_a_disk_are_named(arguments: list[str], message: str) -> None:
    done = command(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr

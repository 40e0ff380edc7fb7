"""The section `steady` of a summary, and how it is told."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.model import CallFinished, Outcome, StoppedBy
from reports.figures.objectives import DEFAULT
from reports.reading.load import read_run
from reports.reading.run import Floats
from reports.summary import steady_block
from reports.summary.result import summarise
from reports.summary.steadiness import section
from tests.reports import runs

RATE = 20.0
CALLS = 4000


def latencies(seed: int = 1) -> Floats:
    return np.random.default_rng(seed).lognormal(6, 0.5, CALLS)


def run_of(path: Path, latency_ms: Floats, *, evening: bool = False) -> Path:
    """A run of calls due at a constant rate; those of infinite latency fail."""
    path.mkdir(parents=True)
    length_s = len(latency_ms) / RATE
    runs.manifest(
        path,
        schedule={
            "scenario": "steady",
            "arrivals": "constant",
            "peak_rps": RATE,
            "window": "19:30-20:30" if evening else None,
            "duration_s": length_s,
            "count": len(latency_ms),
            "clock": None,
            "curve": [[0.0, RATE], [length_s, RATE]],
        },
    )
    calls = []
    for n, took_ms in enumerate(latency_ms.tolist()):
        due_ms = (n + 0.5) * 1000 / RATE
        if math.isinf(took_ms):
            calls.append(runs.call(n, due_ms, due_ms + 9, Outcome.FATAL, stopped_by=StoppedBy.FATAL))
        else:
            calls.append(runs.call(n, due_ms, due_ms + took_ms))
    runs.record(path, 0, map(CallFinished, calls))
    runs.ending(path, {"0": len(calls)}, arrivals_end_s=length_s)
    return path


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return summarise(read_run(run_of(tmp_path_factory.mktemp("steady") / "calm", latencies())), DEFAULT)


def test_a_steady_run_has_intervals(calm: dict[str, Any]) -> None:
    steady = calm["steady"]
    assert (steady["holds"], steady["why"], steady["warm_up_s"], steady["from_s"]) == (True, "", 0.0, 0.0)
    assert steady["to_s"] + steady["drain_s"] == pytest.approx(CALLS / RATE)
    # The drain is the p99 of latency: the median e^6 ms times e^(0.5 * 2.326).
    assert steady["drain_s"] == pytest.approx(math.exp(6 + 0.5 * 2.326) / 1000, rel=0.1)
    p95 = steady["call_latency_ms"]["p95"]
    kept = latencies()[: steady["calls"]]
    assert p95["value"] == pytest.approx(np.quantile(kept, 0.95), abs=1e-4)
    assert p95["low"] < math.exp(6 + 0.5 * 1.645) < p95["high"]
    assert steady["call_latency_all_ms"] == steady["call_latency_ms"]
    assert steady["call_latency_ms"]["p99.9"] == {
        "value": None,
        "low": None,
        "high": None,
        "why": f"{steady['calls']:,} calls: p99.9 needs 10,000",
    }


def test_it_is_told_with_its_rule(calm: dict[str, Any]) -> None:
    block = steady_block.lines(calm)
    assert "yes, from 0 s to 3 min 1" in block
    assert "MSER-5" in block
    assert "call latency, ok calls" in block
    assert "call latency, all calls" not in block  # it is the same
    assert max(len(line) for line in block.splitlines()) <= 100
    page = steady_block.table(calm)
    assert "The steady part" in page
    assert "MSER-5" in page


def test_a_slow_start_is_warm_up(tmp_path: Path) -> None:
    slow = latencies()
    slow[:200] *= 12
    steady = section(read_run(run_of(tmp_path / "slow", slow)))
    assert steady["holds"]
    # 200 calls at 20 a second, to a few batches of five.
    assert steady["warm_up_s"] == pytest.approx(10, abs=1)
    assert steady["from_s"] == steady["warm_up_s"]


def test_failures_are_told_apart_and_infinite(tmp_path: Path) -> None:
    failing = latencies()
    failing[np.random.default_rng(2).random(CALLS) < 0.08] = math.inf
    summary = summarise(read_run(run_of(tmp_path / "failing", failing)), DEFAULT)
    steady = summary["steady"]
    assert steady["holds"]
    every = steady["call_latency_all_ms"]
    assert (every["p95"]["value"], every["p95"]["low"], every["p95"]["high"]) == ("inf", "inf", "inf")
    assert steady["call_latency_ms"]["p95"]["high"] < every["p90"]["high"] or every["p90"]["high"] == "inf"
    assert "∞ (∞ – ∞)" in steady_block.lines(summary)


def test_failures_by_how_long_they_took_where_that_is_asked(tmp_path: Path) -> None:
    failing = latencies()
    failing[np.random.default_rng(2).random(CALLS) < 0.08] = math.inf
    run = read_run(run_of(tmp_path / "failing", failing))
    infinite, took = section(run), section(run, "took")
    assert took["call_latency_ms"] == infinite["call_latency_ms"]
    # They took 9 ms, less than any other.
    rest = np.where(np.isinf(failing), 9.0, failing)[: took["calls"]]
    assert took["call_latency_all_ms"]["p95"]["value"] == pytest.approx(np.quantile(rest, 0.95), abs=1e-4)


def test_a_drifting_run_has_values_and_no_interval(tmp_path: Path) -> None:
    drifting = latencies() * np.linspace(1, 2, CALLS)
    summary = summarise(read_run(run_of(tmp_path / "drifting", drifting)), DEFAULT)
    steady = summary["steady"]
    assert not steady["holds"]
    assert steady["why"] == "latency rises over the run"
    assert steady["call_latency_ms"]["p50"]["value"] > 0
    assert steady["call_latency_ms"]["p50"]["low"] is None
    assert steady["call_latency_ms"]["p50"]["why"] == "the run is not steady"
    assert "no, from" in steady_block.lines(summary)


def test_an_evening_is_never_steady(tmp_path: Path) -> None:
    summary = summarise(read_run(run_of(tmp_path / "evening", latencies(), evening=True)), DEFAULT)
    steady = summary["steady"]
    assert not steady["holds"]
    assert steady["call_latency_ms"] is None
    assert " ".join(steady_block.lines(summary).split()) == (
        "steady state no: the offered load changes over the run: an interval needs several runs"
    )
    assert "MSER" not in steady_block.table(summary)


def test_runs_too_small_to_tell_say_so(paper: Path) -> None:
    steady = section(read_run(paper))
    assert not steady["holds"]
    # The drain is a tenth of 12 s; eleven calls are due before it.
    assert (steady["drain_s"], steady["calls"]) == (pytest.approx(1.2), 11)
    assert steady["why"] == "11 calls: 200 are needed to tell"


def test_runs_without_an_ok_call_say_so(tmp_path: Path) -> None:
    failed = section(read_run(run_of(tmp_path / "failed", np.full(50, math.inf))))
    assert (failed["holds"], failed["why"], failed["calls"]) == (False, "no call ended ok", None)
    late = np.full(50, math.inf)
    late[-1] = 1000.0
    steady = section(read_run(run_of(tmp_path / "late", late)))
    assert (steady["holds"], steady["why"]) == (False, "no call ended ok before the drain")

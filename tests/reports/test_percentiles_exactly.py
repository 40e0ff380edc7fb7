"""Percentiles of a run against computations that share nothing with ours, to the last digit.

One reads the recorded integers and interpolates in exact fractions; the others are polars and DuckDB, over
what `export` wrote. A summary rounds to the nanosecond that was recorded: they differ by half of one at most.
"""

from __future__ import annotations

import random
from array import array
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from harness.model import Attempt, AttemptFinished, Call, CallFinished, Event, Outcome, StoppedBy, Tag, Usage
from reports.export.tables import export
from reports.figures.objectives import DEFAULT
from reports.reading.load import read_run
from reports.summary.result import summarise
from tests.reports import runs

CALLS, FAILED = 12_000, 60  # one in two hundred: infinite from p99.5 on
SHARES = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99", "p99.9": "0.999"}
HALF_NS = Fraction(1, 2)

Exact = int | Fraction


def evening() -> list[Event]:
    """Calls of random nanoseconds; the first of each two hundred fails."""
    draw = random.Random(11)
    events: list[Event] = []
    for n in range(CALLS):
        due = runs.ORIGIN_NS + n * 1_000_003
        sent = due + draw.randrange(9_000_000)
        first = sent + draw.randrange(1, 2_000_000_000)
        output = array("q", sorted(first + draw.randrange(700_000_000) for _ in range(3)))
        end = output[-1] + draw.randrange(5_000_000)
        failed = n % 200 == 0
        outcome = Outcome.PARTIAL if failed else Outcome.OK
        events += [
            AttemptFinished(
                Attempt(
                    call_id=n,
                    number=1,
                    sent_ns=sent,
                    end_ns=end,
                    outcome=outcome,
                    usage=Usage(10, draw.randrange(2, 90)),
                    first_token_ns=output[0],
                    output_ns=output,
                )
            ),
            CallFinished(
                Call(
                    call_id=n,
                    intended_ns=due,
                    start_ns=due + draw.randrange(3_000_000),
                    end_ns=end,
                    outcome=outcome,
                    stopped_by=StoppedBy.ATTEMPTS if failed else None,
                    attempts=1,
                    model="mock",
                    tag=Tag(call_id=n, intended_ns=due, shop="shop-1", kind="caption"),
                )
            ),
        ]
    return events


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exactly") / "run"
    path.mkdir()
    runs.manifest(path)
    runs.record(path, 0, evening(), flush_every=5000)
    runs.ending(path, {"0": CALLS})
    export(path, path / "export", "parquet")
    return path


@pytest.fixture(scope="module")
def summary(folder: Path) -> dict[str, Any]:
    return summarise(read_run(folder), DEFAULT)


def exact_ns(samples: list[Exact], share: str) -> Exact:
    """Between the samples at floor and ceiling of (n - 1) q, as far as its fraction says."""
    ordered = sorted(samples)
    place = (len(ordered) - 1) * Fraction(share)
    low = place.numerator // place.denominator
    part = place - low
    return ordered[low] if part == 0 else ordered[low] + part * (ordered[low + 1] - ordered[low])


def samples(folder: Path) -> dict[str, list[Exact]]:
    """In nanoseconds, by Python's integers, from the recorded rows."""
    calls = pl.read_parquet(folder / "export" / "calls.parquet").to_dicts()
    ok = {c["call_id"] for c in calls if c["outcome"] == "ok"}
    attempts = [
        a for a in pl.read_parquet(folder / "export" / "attempts.parquet").to_dicts() if a["call_id"] in ok
    ]
    return {
        "call_latency_ms": [c["end_ns"] - c["intended_ns"] for c in calls if c["call_id"] in ok],
        "schedule_lag_ms": [c["start_ns"] - c["intended_ns"] for c in calls],
        "e2el_ms": [a["end_ns"] - a["sent_ns"] for a in attempts],
        "ttft_ms": [a["output_ns"][0] - a["sent_ns"] for a in attempts],
        "itl_ms": [
            b - a for row in attempts for a, b in zip(row["output_ns"], row["output_ns"][1:], strict=False)
        ],
        "tpot_ms": [Fraction(a["end_ns"] - a["output_ns"][0], a["completion_tokens"] - 1) for a in attempts],
    }


def test_every_percentile_is_that_of_exact_fractions(folder: Path, summary: dict[str, Any]) -> None:
    for name, every in samples(folder).items():
        found = summary[name]
        assert found["n"] == len(every)
        for label, share in SHARES.items():
            given_ns = Fraction(str(found[label])) * 10**6
            assert abs(given_ns - exact_ns(every, share)) <= HALF_NS, (name, label)
        assert abs(Fraction(str(found["mean"])) * 10**6 - Fraction(sum(every), len(every))) <= HALF_NS, name
        assert abs(Fraction(str(found["max"])) * 10**6 - max(every)) <= HALF_NS, name


def test_failures_are_infinite_from_the_share_on_that_failed(folder: Path, summary: dict[str, Any]) -> None:
    every = samples(folder)["call_latency_ms"]
    found = summary["call_latency_all_ms"]
    assert (found["n"], len(every)) == (CALLS, CALLS - FAILED)
    # Failed calls come last: the others keep their places among all.
    with_failed = [*every, *[10**30] * FAILED]
    for label in ("p50", "p90", "p95", "p99"):
        assert abs(Fraction(str(found[label])) * 10**6 - exact_ns(with_failed, SHARES[label])) <= HALF_NS
    assert (found["p99.9"], found["max"], found["mean"]) == ("inf", "inf", "inf")


def test_polars_and_duckdb_find_the_same(folder: Path, summary: dict[str, Any]) -> None:
    path = folder / "export" / "calls.parquet"
    took = pl.col("end_ns") - pl.col("intended_ns")
    ok = pl.read_parquet(path).filter(pl.col("outcome") == "ok").select(took_ms=took / 1e6)["took_ms"]
    for label, share in SHARES.items():
        query = (
            f"select quantile_cont((end_ns - intended_ns) / 1e6, {share}) from '{path}' where outcome = 'ok'"
        )
        ((by_duckdb,),) = duckdb.sql(query).fetchall()
        expected = round(summary["call_latency_ms"][label], 6)
        assert round(by_duckdb, 6) == pytest.approx(expected, abs=1.1e-6), label
        assert round(ok.quantile(float(share), "linear"), 6) == pytest.approx(expected, abs=1.1e-6), label

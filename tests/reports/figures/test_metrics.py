"""The paper run (tests/reports/runs.py), worked out by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from harness.model import AttemptFinished, CallFinished, Fault, Outcome
from reports.figures import metrics
from reports.figures.objectives import DEFAULT, Objective
from reports.reading.load import read_run
from reports.reading.names import Names
from reports.reading.run import Run
from reports.summary.result import summarise
from tests.reports import runs


@pytest.fixture(scope="module")
def run(paper: Path) -> Run:
    return read_run(paper)


def test_call_latency_counts_from_the_intended_instant_over_ok_calls(run: Run) -> None:
    assert metrics.call_latency_ms(run.calls).tolist() == [1000, 2000, 3000, 4000, 20_000, 500, 1500]


def test_a_failed_call_takes_forever(run: Run) -> None:
    everything = metrics.call_latency_all_ms(run.calls)
    assert len(everything) == 12
    assert np.flatnonzero(np.isinf(everything)).tolist() == [5, 6, 7, 8, 9]


def test_e2el_is_of_the_last_attempt_only(run: Run) -> None:
    assert metrics.e2el_ms(run).tolist() == [1000, 2000, 2000, 4000, 17_000, 500, 1500]


def test_a_call_without_attempts_has_no_e2el(run: Run) -> None:
    by_call = metrics.e2el_by_call_ms(run)
    assert [n for n, v in enumerate(by_call) if math.isnan(v)] == [6, 7]


def test_schedule_lag_is_the_generators_own(run: Run) -> None:
    assert metrics.schedule_lag_ms(run.calls).tolist() == [0, 0, 10, 0, 0, 0, 0, 0, 20, 0, 0, 0]


def test_good_calls_meet_every_objective(run: Run) -> None:
    assert np.flatnonzero(metrics.good(run, DEFAULT)).tolist() == [0, 1, 2, 3, 10, 11]
    both = (*DEFAULT, Objective("e2el", 2000.0))
    assert np.flatnonzero(metrics.good(run, both)).tolist() == [0, 1, 2, 10, 11]
    assert np.flatnonzero(metrics.good(run, ())).tolist() == [0, 1, 2, 3, 4, 10, 11]


def test_an_attempt_that_was_not_recorded_meets_no_objective(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    runs.record(tmp_path, 0, [CallFinished(runs.call(0, 0, 10))])
    lost = read_run(tmp_path)
    assert not metrics.good(lost, [Objective("e2el", 1000.0)]).any()
    assert metrics.e2el_ms(lost).tolist() == []


def test_amplification_and_shed_rate(run: Run) -> None:
    summary = summarise(run, DEFAULT)
    assert summary["amplification"] == 1.25  # 15 attempts, 12 calls
    assert summary["shed_rate"] == pytest.approx(2 / 12)


def test_tokens_are_wasted_by_an_ok_attempt_of_a_failed_call(run: Run) -> None:
    # Seven ok calls of 100 + 50, and call 9's attempt of 30 + 20, whose call met its deadline.
    assert metrics.tokens(run) == metrics.Tokens(prompt=730, completion=370, wasted=50)


def test_rates_and_shares_of_nothing_are_none() -> None:
    assert metrics.per_s(3, 0.0) is None
    assert metrics.share(0, 0) is None
    assert metrics.per_s(3, 2.0) == 1.5


def test_counts_keep_known_names_and_sort_the_others() -> None:
    names = Names.of(["b", "x", "x", "a", "y", "y"])
    assert list(metrics.counts(names, ("a", "none")).items()) == [
        ("a", 1),
        ("none", 0),
        ("x", 2),
        ("y", 2),
        ("b", 1),
    ]


def test_selectors_name_the_fault_where_there_is_one() -> None:
    found = metrics.selectors(Names.of(["ok", "transient"]), Names.of(["", "connect"]))
    assert found.tolist() == ["ok", "transient.connect"]


def test_duplicated_counts_the_surplus() -> None:
    assert metrics.duplicated(np.array([1, 2, 2, 3, 3, 3])) == 3


def test_sums_of_narrow_columns_do_not_overflow(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    most = 2**31 - 1
    calls = [runs.call(n, n, n + 5, Outcome.DEADLINE, attempts=32_767) for n in range(3)]
    attempts = [runs.attempt(n, 1, n, n + 5, tokens=(most, most)) for n in range(3)]
    runs.record(tmp_path, 0, [*map(AttemptFinished, attempts), *map(CallFinished, calls)])
    runs.ending(tmp_path, {"0": 3})
    run = read_run(tmp_path)
    assert (run.calls.attempts.dtype, run.attempts.prompt_tokens.dtype) == ("int16", "int32")
    spent = metrics.tokens(run)
    assert (spent.prompt, spent.completion, spent.wasted) == (3 * most, 3 * most, 6 * most)
    summary = summarise(run, DEFAULT)
    assert summary["tokens"] == {"prompt": 3 * most, "completion": 3 * most, "wasted": 6 * most}
    assert summary["kinds"]["hashtags"]["attempts"] == 3 * 32_767
    assert summary["kinds"]["hashtags"]["tokens"]["wasted"] == 6 * most
    assert "the calls counted 98301 attempts, but 3 were recorded" in summary["degraded"]


def test_only_an_attempt_that_ended_ok_is_wasted(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    useless = runs.attempt(0, 1, 0, 5, Outcome.MALFORMED, fault=Fault.BODY, tokens=(3, 4))
    failed = runs.call(0, 0, 5, Outcome.MALFORMED)
    runs.record(tmp_path, 0, [AttemptFinished(useless), CallFinished(failed)])
    assert metrics.tokens(read_run(tmp_path)) == metrics.Tokens(prompt=3, completion=4, wasted=0)

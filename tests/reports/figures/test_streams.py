"""The spoken run (tests/reports/runs.py), worked out by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from harness.model import CallFinished
from reports.figures import metrics, streams
from reports.figures.objectives import Objective
from reports.reading.load import read_run
from reports.reading.run import Run
from tests.reports import runs


@pytest.fixture(scope="module")
def run(spoken: Path) -> Run:
    return read_run(spoken)


def good(run: Run, metric: str, limit_ms: float) -> list[int]:
    return np.flatnonzero(metrics.good(run, [Objective(metric, limit_ms)])).tolist()


def test_ttft_counts_from_the_last_attempts_own_start(run: Run) -> None:
    assert streams.ttft_ms(run).tolist() == [200, 500, 100, 400]


def test_a_failed_call_and_a_reply_that_is_no_stream_have_no_ttft(run: Run) -> None:
    of_failed = run.of_last_attempt(run.attempts.output_ns.first)[5]
    assert of_failed == 5100 * 1e6
    assert math.isnan(streams.ttft_by_call_ms(run)[3])


def test_itl_is_every_gap_within_a_reply_and_none_between_replies(run: Run) -> None:
    assert streams.itl_ms(run).tolist() == [50, 100, 50, 0, 100, 60]


def test_the_mean_gap_of_a_call_spans_its_first_and_last_event(run: Run) -> None:
    assert streams.mean_itl_by_call_ms(run).tolist() == pytest.approx(
        [200 / 3, 50, 0, math.nan, 60, 800], nan_ok=True
    )


def test_tpot_is_of_replies_counted_at_two_tokens_or_more(run: Run) -> None:
    assert streams.tpot_ms(run).tolist() == [55, 10]


def test_tpot_by_call_is_zero_of_one_token_and_unknown_without_a_count_or_stream(run: Run) -> None:
    assert streams.tpot_by_call_ms(run).tolist() == pytest.approx(
        [55, 10, 0, math.nan, math.nan, math.nan], nan_ok=True
    )


def test_a_call_meets_ttft_at_its_limit_and_without_a_stream_never(run: Run) -> None:
    assert good(run, "ttft", 400) == [0, 2, 4]
    assert good(run, "ttft", 1e9) == [0, 1, 2, 4]  # not 3, without a stream, nor 5, which failed


def test_itl_is_judged_by_the_mean_gap(run: Run) -> None:
    assert good(run, "itl", 60) == [1, 2, 4]  # 0 has a mean of 66.7, 1 of 50 though one gap is 100


def test_tpot_is_met_only_where_the_api_counted(run: Run) -> None:
    assert good(run, "tpot", 20) == [1, 2]


def test_a_run_without_streams_says_so(run: Run, paper: Path) -> None:
    assert streams.recorded(run)
    silent = read_run(paper)
    assert not streams.recorded(silent)
    assert streams.ttft_ms(silent).tolist() == []
    assert streams.itl_ms(silent).tolist() == []
    assert streams.tpot_ms(silent).tolist() == []
    assert good(silent, "ttft", 1e9) == []


def test_a_call_whose_attempt_was_lost_has_no_stream(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    runs.record(tmp_path, 0, [CallFinished(runs.call(0, 0, 10))])
    lost = read_run(tmp_path)
    assert streams.itl_ms(lost).tolist() == []
    assert np.isnan(streams.tpot_by_call_ms(lost)).all()

"""The toil run (tests/reports/runs.py), worked out by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from reports.figures import generator
from reports.figures.generator import Busy, Cpu, Pauses
from reports.reading.load import read_run
from reports.reading.run import NS_PER_S, Run


@pytest.fixture(scope="module")
def run(toil: Path) -> Run:
    return read_run(toil)


def stretches(*of_worker_0: tuple[float, float, float]) -> Busy:
    starts, ends, fractions = zip(*of_worker_0, strict=True)
    return Busy(
        worker=np.zeros(len(starts), dtype=np.int64),
        start_ns=(np.array(starts) * NS_PER_S).astype(np.int64),
        end_ns=(np.array(ends) * NS_PER_S).astype(np.int64),
        fraction=np.array(fractions),
    )


def test_a_stretch_lies_between_two_rows_of_one_worker(run: Run) -> None:
    found = generator.busy(run.events)
    assert found.worker.tolist() == [0, 0, 0, 0, 1, 1]
    assert (found.start_ns / NS_PER_S).tolist() == [-0.5, 1, 2, 2.2, 0, 2]
    assert (found.end_ns / NS_PER_S).tolist() == [1, 2, 2.2, 4.2, 2, 5]
    assert found.fraction.tolist() == pytest.approx([0.6, 0.8, 1.0, 0.3, 0.2, 0.1])


def test_the_mean_is_of_the_window_and_the_peak_of_a_stretch_long_enough(run: Run) -> None:
    found = generator.cpu(generator.busy(run.events), run.window_ns)
    assert [c.worker for c in found] == [0, 1]
    assert [c.mean for c in found] == pytest.approx([0.535, 0.15])
    assert [c.peak for c in found] == pytest.approx([0.8, 0.2])
    assert generator.busiest(found) == found[0]


def test_only_short_stretches_have_a_mean_but_no_peak() -> None:
    assert generator.cpu(stretches((0, 0.25, 0.5)), NS_PER_S) == [Cpu(0, 0.5, None)]


def test_what_lies_outside_the_window_does_not_count() -> None:
    assert generator.cpu(stretches((-2, 0, 0.9), (4, 5, 0.9)), 4 * NS_PER_S) == []
    assert generator.busiest([]) is None


def test_a_run_that_recorded_nothing_has_no_profile(paper: Path) -> None:
    silent = read_run(paper)
    assert generator.cpu(generator.busy(silent.events), silent.window_ns) == []
    assert generator.pauses(silent.events) == Pauses(0, 0.0, None)


def test_pauses_are_added_up_over_workers_or_of_one(run: Run) -> None:
    total = generator.pauses(run.events)
    assert (total.n, total.total_ms, total.max_ms) == (3, pytest.approx(4.6), pytest.approx(3.0))
    own = generator.pauses(run.events, 0)
    assert (own.n, own.total_ms, own.max_ms) == (2, pytest.approx(1.6), pytest.approx(1.2))


def test_a_bin_shows_the_busiest_stretch_that_reaches_into_it(run: Run) -> None:
    edges = np.array([0, 0.5, 1, 2, 3, 4], dtype=np.float64)
    found = generator.busiest_by_bin(generator.busy(run.events), edges)
    assert found.tolist() == pytest.approx([0.6, 0.6, 0.8, 1.0, 0.3])


def test_a_bin_without_a_stretch_is_unknown() -> None:
    found = generator.busiest_by_bin(stretches((1, 2, 0.4)), np.array([0.0, 1, 2, 3]))
    assert found.tolist() == pytest.approx([math.nan, 0.4, math.nan], nan_ok=True)

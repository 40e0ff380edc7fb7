"""The queued run (tests/reports/runs.py), worked out by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from reports.figures import queueing
from reports.figures.objectives import DEFAULT
from reports.figures.queueing import Backlog
from reports.reading.load import read_run
from reports.reading.run import ABSENT, Run
from reports.summary.result import summarise
from tests.reports import runs


@pytest.fixture(scope="module")
def run(queued: Path) -> Run:
    return read_run(queued)


def sampled(*depths: float) -> Backlog:
    """A sample a second."""
    found = np.array(depths, dtype=np.float64)
    return Backlog(np.arange(len(found), dtype=np.float64), found, found * 0, found * 0)


def test_what_the_queue_did_with_each_call_is_read_in_their_order(run: Run) -> None:
    assert run.queued is not None
    assert (run.queued.call_id == run.calls.call_id).all()
    assert run.queued.accepted_ns[3] == run.queued.taken_up_ns[3] == run.queued.taken_up_ns[5] == ABSENT
    assert run.queued.taken_up_ns[2] == 5_010_000_000


def test_a_direct_run_has_no_queue(paper: Path) -> None:
    run = read_run(paper)
    assert run.queued is None
    assert queueing.document(run) is None
    assert run.manifest.clients == range(run.manifest.workers)


def test_acceptance_counts_from_the_intended_instant(run: Run) -> None:
    assert run.queued is not None
    assert queueing.acceptance_ms(run, run.queued).tolist() == [4, 6, 10, 20, 8]


def test_a_wait_is_from_accepted_to_taken_up_and_never_negative(run: Run) -> None:
    assert run.queued is not None
    assert queueing.wait_ms(run.queued).tolist() == [2, 94, 3000, 0]


def test_the_document_of_a_queue(run: Run) -> None:
    found = queueing.document(run)
    assert found is not None
    assert {k: v for k, v in found.items() if not k.endswith("_ms")} == {
        "server": "embedded",
        "workers": 2,
        "max_depth": 2,
        "accepted": 5,
        "refused": 1,
        "never_taken_up": 1,
        "left": 1,
        "depth_max": 2,
        "oldest_max_s": 3.0,
        "drain_after_peak_s": 4.0,
    }
    assert (found["acceptance_ms"]["max"], found["acceptance_ms"]["n"]) == (20, 5)
    assert (found["wait_ms"]["mean"], found["wait_ms"]["n"]) == (774, 4)


@pytest.mark.parametrize(
    ("depths", "after_s"),
    [
        ((0, 100, 50, 6, 5, 0), 3),  # 5 % of 100 is 5
        ((0, 8, 8, 1, 0), 2),  # the first of equal depths; one task is nothing
        ((3, 2, 2), math.inf),
        ((0, 0), None),
        ((), None),
    ],
)
def test_a_backlog_is_drained_when_a_twentieth_is_left(depths: tuple[float, ...], after_s: float) -> None:
    assert queueing.drain_after_peak_s(sampled(*depths)) == after_s


def test_a_picture_of_it_goes_on_until_the_last_sample(run: Run) -> None:
    assert queueing.ends_s(queueing.backlog(run), 5.0) == 8.0
    assert queueing.ends_s(queueing.backlog(run), 12.0) == 12.0


def test_breakers_are_the_workers_not_the_load_process_s(run: Run) -> None:
    assert run.manifest.clients == range(1, 3)
    # Worker 2 of 1 and 2, for 3 of 12 s.
    assert summarise(run, DEFAULT)["breaker_open_fraction"] == 3 / (2 * 12)


def test_attempts_of_another_try_count_as_the_call_s(run: Run) -> None:
    summary = summarise(run, DEFAULT)
    assert summary["degraded"] == []
    assert (summary["calls"], summary["attempts"]) == (6, 4)
    # The second try's attempt, number 1001, is the last of call 4.
    assert run.attempts.sent_ns[run.last_attempt[4]] == 4_000_000_000


def test_a_worker_of_the_queue_that_left_no_records_is_missed(tmp_path: Path) -> None:
    folder = runs.queued_run(tmp_path / "queued")
    for path in folder.glob("*-2-*.arrow"):
        path.unlink()
    reasons = summarise(read_run(folder), DEFAULT)["degraded"]
    assert "every file of worker 2 is missing, and what it held is in no figure" in reasons

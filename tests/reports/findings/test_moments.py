"""Requests on the wire and permits, at instants close together."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.model import AttemptFinished
from reports.findings.moments import moments_of, permits
from reports.reading.load import read_run
from tests.reports import runs

S = runs.S


def test_they_count_what_is_on_the_wire(paper: Path) -> None:
    moments = moments_of(read_run(paper))
    assert (moments.step_ns, len(moments)) == (6_000_000, 2001)  # 12 s in two thousand steps

    def at(second: float) -> int:
        return int(moments.in_flight[int(second * S) // moments.step_ns])

    # 3.5 s: calls 2 and 3; 7.5 s: call 4; 9 s: call 4, call 8 and the one due now.
    assert [at(s) for s in (0, 0.996, 1.002, 3.498, 7.5, 9.0)] == [1, 1, 1, 2, 1, 3]
    assert moments.limit is not None
    assert set(moments.limit.tolist()) == {40.0}


def test_instants_outside_the_window_are_no_moments(paper: Path) -> None:
    moments = moments_of(read_run(paper))
    at_ns = np.array([-5, 0, 5_999_999, 6_000_000, 12 * S, 13 * S])
    assert moments.of(at_ns).tolist() == [0, 0, 0, 1, 2000, 2000]
    counted = moments.count(at_ns)
    assert (counted[0], counted[1], counted[2000], counted.sum()) == (2, 1, 1, 4)


def test_permits_follow_the_events_of_every_worker(tmp_path: Path) -> None:
    runs.manifest(tmp_path, workers=2, limit=40)
    for worker in (0, 1):
        notes = [runs.Note(1000 * (worker + 1), "limit", 5.0)]
        runs.record(tmp_path, worker, [AttemptFinished(runs.attempt(worker, 1, 0, 10))], notes)
    runs.ending(tmp_path, {"0": 0, "1": 0}, arrivals_end_s=4.0)
    moments = moments_of(read_run(tmp_path))
    assert moments.limit is not None
    assert [float(moments.limit[s * S // moments.step_ns]) for s in (0, 1, 2, 3)] == [40.0, 25.0, 10.0, 10.0]


def test_a_long_run_is_looked_at_once_a_second(tmp_path: Path) -> None:
    runs.manifest(tmp_path, limit=None)
    runs.record(tmp_path, 0, [])
    runs.ending(tmp_path, {"0": 0}, arrivals_end_s=18_000.0)
    moments = moments_of(read_run(tmp_path))
    assert (moments.step_ns, len(moments), moments.limit) == (S, 18_001, None)


def test_permits_are_those_a_policy_starts_with() -> None:
    assert permits({"concurrency": {"kind": "static", "limit": 7, "initial": 3}}) == 7.0
    assert permits({"concurrency": {"kind": "aimd", "limit": 7, "initial": 3}}) == 3.0
    assert permits({"concurrency": {"kind": "off", "limit": 7}}) is None
    assert permits({}) is None

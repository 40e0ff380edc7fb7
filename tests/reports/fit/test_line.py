"""Queues that were seen full, and slots without one."""

from pathlib import Path

import numpy as np

from harness.model import Attempt, Fault, Outcome
from reports.fit.latency import fit_latency
from reports.fit.line import AMPLE, Line, find_line
from tests.reports.fit import made


def played(slots: int, queue: int, *, rate_s: float, n: int, seed: int = 1) -> list[Attempt]:
    """Random arrivals at an API whose replies take 400 ms and ten gaps of 20: first come, first served."""
    rng = np.random.default_rng(seed)
    at_ms = 1000 * np.cumsum(rng.exponential(1 / rate_s, n))
    free = [0.0] * slots
    starts: list[float] = []
    attempts = []
    for i, now in enumerate(at_ms.tolist()):
        waiting = sum(start > now for start in starts)
        slot = min(range(slots), key=free.__getitem__)
        if free[slot] > now and waiting >= queue:
            attempts.append(
                made.attempt(
                    i, now, now + 1, Outcome.OVERLOADED, fault=Fault.STATUS, status=503, retry_after_s=2.0
                )
            )
            continue
        start = max(now, free[slot])
        starts.append(start)
        first = start + float(400 * np.exp(0.2 * rng.standard_normal()))
        output = [first + 20 * k for k in range(10)]
        free[slot] = output[-1] + 20
        attempts.append(
            made.attempt(i, now, free[slot], output_ms=output, tokens=(50, 10), reason="stop", status=200)
        )
    return attempts


def _line(path: Path, attempts: list[Attempt]) -> Line | None:
    observed = made.observed(path / "run", attempts)
    where = np.zeros(len(attempts))
    return find_line(observed, fit_latency(observed, where), where)


def test_slots_and_queue_are_read_off_waits_and_refusals(tmp_path: Path) -> None:
    line = _line(tmp_path, played(12, 5, rate_s=22, n=2000))
    assert line is not None
    assert (line.slots.most, line.queue, line.full) == (12, 5, True)
    assert (line.status, line.retry_after_s) == (503, 2.0)
    assert line.slots.low <= 12 <= line.slots.high


def test_a_queue_that_was_never_full_is_ample(tmp_path: Path) -> None:
    line = _line(tmp_path, played(12, 10_000, rate_s=19, n=2000))
    assert line is not None
    assert (line.slots.most, line.queue, line.full) == (12, AMPLE, False)
    assert not line.refused.any()


def test_slots_without_a_queue_turn_away_at_once(tmp_path: Path) -> None:
    line = _line(tmp_path, played(12, 0, rate_s=15, n=3000))
    assert line is not None
    assert (line.slots.most, line.queue, line.full) == (12, 0, True)


def test_refusals_at_any_load_are_no_full_queue(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    refused = [
        made.attempt(5000 + i, at, at + 1, Outcome.OVERLOADED, fault=Fault.STATUS, status=503)
        for i, at in enumerate(np.sort(rng.uniform(0, 100_000, 80)).tolist())
    ]
    assert _line(tmp_path, [*played(1000, 0, rate_s=20, n=2000), *refused]) is None


def test_an_idle_api_has_no_line(tmp_path: Path) -> None:
    assert _line(tmp_path, played(1000, 0, rate_s=5, n=500)) is None

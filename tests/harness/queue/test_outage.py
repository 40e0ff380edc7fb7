"""The API is down at full load: bounded memory, clear rejections, and a drain at the policy's rate."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.queue_outage import BURST, LOAD, RATE, draw, figures, play


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_outage_is_waited_for_and_drained_without_a_stampede(tmp_path: Path) -> None:
    """Twenty seconds of it; `python -m tests.benchmarks.queue_outage` plays five minutes."""
    run = play(20.0, 300, tmp_path)
    found = figures(run)
    last = run.samples[-1]

    # Nothing is lost: what was offered was accepted or turned away, what was accepted was completed.
    assert last.accepted + last.refused == last.offered
    assert last.completed == last.accepted
    assert last.failed == 0
    # It was full load, and the queue took what it may and no more.
    assert last.offered >= 0.9 * LOAD * 40
    assert max(s.waiting + s.processing for s in run.samples) <= 300
    assert last.refused > 300
    # Who was turned away was told for how long; the longer nothing had been completed, the longer.
    told = [wait_s for wait_s in run.waits_s if wait_s is not None]
    assert len(told) == last.refused
    assert 5 <= min(told) <= max(told) <= 90
    # An API that is down is left alone, and one that is back is not overrun.
    assert sum(run.requests[16:30]) <= 60
    assert max(run.requests[30:]) <= RATE + BURST
    assert found["mean_requests_a_second_while_draining"] == pytest.approx(RATE, rel=0.2)
    # Memory: 300 tasks more or less are not to be seen.
    for name in ("server_mb_grew", "submitters_mb_grew", "worker_mb_grew"):
        assert (found[name] or 0) < 15, name
    draw(run, tmp_path / "outage.png")
    assert (tmp_path / "outage.png").stat().st_size > 20_000

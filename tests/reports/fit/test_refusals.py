"""Limits nobody tells, from refusals that a bucket made by hand gives."""

from pathlib import Path

import numpy as np
import pytest

from harness.model import Attempt, Fault, Outcome
from reports.fit.limits import REFUSALS, find_limits, over_a_limit
from reports.fit.refusals import find_bucket
from tests.reports.fit import made


def _asked(rpm: float, size: float, *, rate_s: float, length_s: float, seed: int = 1) -> list[Attempt]:
    """Arrivals at random against a leaky bucket that holds `size`, refusals counted up to its brim."""
    rng = np.random.default_rng(seed)
    at_s = np.cumsum(rng.exponential(1 / rate_s, int(rate_s * length_s)))
    level = before_s = 0.0
    attempts = []
    for i, now_s in enumerate(at_s.tolist()):
        level = max(0.0, level - rpm / 60 * (now_s - before_s))
        before_s = now_s
        if level + 1 <= size:
            level += 1
            attempts.append(made.attempt(i, 1000 * now_s, 1000 * now_s + 500, status=200))
        else:
            level = max(level, min(size, level + 1))
            attempts.append(_refused(i, now_s))
    return attempts


def _refused(call_id: int, at_s: float) -> Attempt:
    return made.attempt(
        call_id, 1000 * at_s, 1000 * at_s + 5, Outcome.THROTTLED, fault=Fault.STATUS, status=429
    )


@pytest.mark.parametrize("window_s", [60.0, 10.0])
def test_the_limit_and_what_its_bucket_holds_come_back(tmp_path: Path, window_s: float) -> None:
    attempts = _asked(431, 431 * window_s / 60, rate_s=10, length_s=300)
    observed = made.observed(tmp_path / "run", attempts)
    found = find_bucket(observed)
    assert found is not None
    assert (found.limit, found.window_s) == (431, window_s)
    assert found.low <= 431 <= found.high
    limits = find_limits(observed)
    assert [(one.key, one.value, one.source) for one in limits.known] == [("rpm", 431, REFUSALS)]
    assert limits.window_s == window_s
    assert over_a_limit(observed, limits).sum() == found.refused


def test_refusals_by_chance_follow_no_limit(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    attempts = [
        _refused(i, i / 10) if rng.random() < 0.05 else made.attempt(i, 100 * i, 100 * i + 50, status=200)
        for i in range(3000)
    ]
    observed = made.observed(tmp_path / "run", attempts)
    assert find_bucket(observed) is None
    assert find_limits(observed).known == ()


def test_a_burst_of_refusals_follows_no_limit(tmp_path: Path) -> None:
    attempts = [
        _refused(i, i / 10) if 1000 <= i < 1200 else made.attempt(i, 100 * i, 100 * i + 50, status=200)
        for i in range(3000)
    ]
    assert find_bucket(made.observed(tmp_path / "run", attempts)) is None


def test_a_few_refusals_tell_nothing(tmp_path: Path) -> None:
    attempts = [_refused(i, float(i)) for i in range(29)]
    assert find_bucket(made.observed(tmp_path / "run", attempts)) is None

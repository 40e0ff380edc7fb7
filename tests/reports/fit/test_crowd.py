"""Who waited for whom, on a line that can be followed by hand."""

from pathlib import Path

import numpy as np
import pytest

from reports.fit.crowd import ahead_of, crowd
from reports.fit.observed import observe
from reports.reading.load import read_run
from tests.reports.fit import made


def test_a_wait_ends_when_enough_of_those_ahead_have_left(tmp_path: Path) -> None:
    # Two slots: 0 and 1 are at work until 1000 and 600, 2 is sent at 200, 3 at 300, 4 at 700.
    spans = [(0, 1000), (100, 600), (200, 1400), (300, 1500), (700, 1800)]
    observed = made.observed(tmp_path / "run", [made.attempt(i, a, b) for i, (a, b) in enumerate(spans)])
    everyone = np.ones(5, dtype=np.bool_)
    found = crowd(observed, everyone, ahead_of(observed, everyone), made.indices(0, 1, 2, 3, 4))
    assert found.ahead.tolist() == [0, 1, 2, 3, 3]
    # 2 starts at 600 in the place of 1, 3 at 1000 in that of 0, 4 at 1400 in that of 2.
    assert found.waits_ms(2) == pytest.approx([0, 0, 400, 700, 700], abs=1e-6)
    assert found.waits_ms(3) == pytest.approx([0, 0, 0, 300, 300], abs=1e-6)
    assert found.waits_ms(4) == pytest.approx([0, 0, 0, 0, 0])


def test_who_takes_no_place_is_waited_for_by_nobody(tmp_path: Path) -> None:
    observed = made.observed(tmp_path / "run", [made.attempt(i, 10 * i, 1000) for i in range(4)])
    takes = np.array([True, False, True, True])
    assert ahead_of(observed, takes).tolist() == [0, 1, 1, 2]


def test_runs_do_not_meet(tmp_path: Path) -> None:
    folders = [
        made.run(tmp_path / name, [made.attempt(i, 10 * i, 5000) for i in range(3)]) for name in ("a", "b")
    ]
    observed = observe([read_run(folder) for folder in folders])
    assert ahead_of(observed, np.ones(6, dtype=np.bool_)).tolist() == [0, 1, 2, 0, 1, 2]

"""Lengths of replies."""

from pathlib import Path

import numpy as np
import pytest

from harness.model import Outcome
from reports.fit.lengths import FEWEST_UNCUT, fit_lengths
from tests.reports.fit import made


def test_replies_that_were_cut_count_as_longer(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    drawn = np.maximum(1, np.round(made.lognormal(rng, 3000, 151, 0.86))).astype(int)
    attempts = [
        made.attempt(
            i,
            i,
            i + 1,
            tokens=(50, min(n, 160)),
            reason="stop" if n <= 160 else ("length", "max_tokens")[i % 2],
        )
        for i, n in enumerate(drawn.tolist())
    ]
    found = fit_lengths(made.observed(tmp_path / "run", attempts))
    assert found is not None
    assert (len(found.ended), len(found.cut)) == (np.sum(drawn <= 160), np.sum(drawn > 160))
    assert found.law.median == pytest.approx(151, rel=0.04)
    assert found.law.sigma == pytest.approx(0.86, rel=0.06)


def test_a_stream_that_broke_off_was_longer(tmp_path: Path) -> None:
    attempts = [made.attempt(i, i, i + 1, tokens=(50, 40), reason="stop") for i in range(FEWEST_UNCUT)]
    broken = made.attempt(900, 1, 9, Outcome.PARTIAL, output_ms=(2, 3, 4))
    found = fit_lengths(made.observed(tmp_path / "run", [*attempts, broken]))
    assert found is not None
    assert found.cut.tolist() == [3.0]


def test_too_few_that_ended_by_themselves_have_no_law(tmp_path: Path) -> None:
    attempts = [
        made.attempt(i, i, i + 1, tokens=(50, 40), reason="stop" if i < FEWEST_UNCUT - 1 else "length")
        for i in range(500)
    ]
    assert fit_lengths(made.observed(tmp_path / "run", attempts)) is None

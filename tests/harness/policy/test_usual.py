"""The smoothed duration, against RFC 6298 worked out by hand."""

from __future__ import annotations

import pytest

from harness.policy.usual import Usual


def test_the_first_sample_is_the_mean_and_half_of_it_the_deviation() -> None:
    usual = Usual()
    assert (usual.ns, usual.nearly_all_ns) == (0.0, 0.0)
    usual.note(1000)
    assert (usual.ns, usual.nearly_all_ns) == (1000.0, 1000.0 + 2 * 500.0)


def test_later_samples_move_both_by_their_weights() -> None:
    usual = Usual()
    usual.note(1000)
    usual.note(1800)  # 800 off: deviation 500 + (800 - 500) / 4, mean 1000 + 800 / 8
    assert usual.ns == pytest.approx(1100.0)
    assert usual.nearly_all_ns == pytest.approx(1100.0 + 2 * 575.0)


def test_what_never_varies_leaves_no_deviation() -> None:
    usual = Usual()
    for _ in range(60):
        usual.note(1000)
    assert usual.nearly_all_ns == pytest.approx(1000.0, rel=1e-4)

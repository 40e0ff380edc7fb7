"""A few shops carry most of the load."""

import numpy as np
import pytest

from harness.workload.shops import make_shops


def test_the_top_ten_carry_between_63_and_93_percent() -> None:
    weights = make_shops(1).weights
    assert 0.63 <= weights[:10].sum() <= 0.93
    assert weights.sum() == pytest.approx(1.0)
    assert np.all(np.diff(weights) < 0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_burstiness_is_as_servegen_found_it(seed: int) -> None:
    cvs = make_shops(seed).cvs
    assert 1.0 <= np.median(cvs) <= 1.5
    assert cvs.min() >= 0.5
    assert cvs.max() <= 4.0


def test_a_seed_means_the_same_shops() -> None:
    assert make_shops(8).cvs.tolist() == make_shops(8).cvs.tolist() != make_shops(9).cvs.tolist()


def test_names() -> None:
    shops = make_shops(1)
    assert (shops.name(0), shops.name(199)) == ("shop-001", "shop-200")

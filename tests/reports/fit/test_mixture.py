"""Laws from samples that were drawn from known ones."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.fit.laws import Lognormal, Mixture
from reports.fit.mixture import STEPS, Samples, one, one_or_two
from tests.reports.fit.made import lognormal

NOTHING = np.empty(0)


def _drawn(rng: np.random.Generator, n: int, law: Mixture) -> np.ndarray:
    slow = rng.random(n) < law.share
    usual = lognormal(rng, n, law.usual.median, law.usual.sigma)
    return np.where(slow, lognormal(rng, n, law.slow.median, law.slow.sigma), usual)


def test_one_law_without_cuts_is_the_mean_and_spread_of_logarithms() -> None:
    seen = np.array([100.0, 200.0, 400.0])
    law = one(Samples.of(seen, NOTHING)).law.usual
    assert law.median == pytest.approx(200.0)
    assert law.sigma == pytest.approx(math.log(2) * math.sqrt(2 / 3))  # of -1, 0, 1 times ln 2


@pytest.mark.parametrize("seed", range(5))
def test_two_parts_come_back(seed: int) -> None:
    true = Mixture(Lognormal(430, 0.35), Lognormal(1900, 0.3), 0.06)
    found = one_or_two(Samples.of(_drawn(np.random.default_rng(seed), 20_000, true), NOTHING)).law
    assert found.usual.median == pytest.approx(430, rel=0.01)
    assert found.share == pytest.approx(0.06, abs=0.005)
    for share in (0.5, 0.9, 0.99):
        assert found.quantile(share) == pytest.approx(true.quantile(share), rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_of_one_part_no_second_is_made(seed: int) -> None:
    seen = lognormal(np.random.default_rng(seed), 5000, 700, 0.3)
    assert one_or_two(Samples.of(seen, NOTHING)).law.share == 0


def test_what_was_cut_would_have_gone_on() -> None:
    drawn = lognormal(np.random.default_rng(3), 20_000, 151, 0.86)
    bound = np.random.default_rng(4).choice([100.0, 220.0, 1000.0], len(drawn))
    seen, cut = drawn[drawn <= bound], bound[drawn > bound]
    assert len(cut) > 6000
    law = one(Samples.of(seen, cut)).law.usual
    assert law.median == pytest.approx(151, rel=0.02)
    assert law.sigma == pytest.approx(0.86, rel=0.02)
    assert float(np.median(seen)) < 110  # what those that ended by themselves would say


def test_attempts_that_hung_are_told_from_slow_ones() -> None:
    rng = np.random.default_rng(5)
    true = Mixture(Lognormal(430, 0.35), Lognormal(1900, 0.3), 0.06)
    drawn = _drawn(rng, 20_000, true)
    hung = rng.random(len(drawn)) < 0.02
    patience = 1500.0  # shorter than half of the slow ones take
    seen = drawn[~hung & (drawn <= patience)]
    cut = np.full(len(drawn) - len(seen), patience)
    found = one_or_two(Samples.of(seen, cut))
    assert found.law.quantile(0.5) == pytest.approx(true.quantile(0.5), rel=0.01)
    assert 0 <= found.hung <= len(cut)
    longer = 15_000.0
    seen = drawn[~hung]
    found = one_or_two(Samples.of(seen, np.full(int(hung.sum()), longer)))
    assert found.hung == pytest.approx(hung.sum(), rel=1e-6)


def test_of_what_is_under_the_floor_only_that_is_taken() -> None:
    drawn = lognormal(np.random.default_rng(6), 20_000, 430, 0.35)
    spoiled = np.where(drawn < 300, drawn - 500, drawn)  # below nothing
    law = one(Samples.of(spoiled, NOTHING, least=300.0)).law.usual
    assert law.median == pytest.approx(430, rel=0.01)
    assert law.sigma == pytest.approx(0.35, rel=0.03)


def test_many_samples_are_gathered_without_loss() -> None:
    drawn = lognormal(np.random.default_rng(7), 50_000, 430, 0.35)
    samples = Samples.of(drawn, NOTHING)
    assert len(samples.seen) <= STEPS
    assert samples.n == 50_000
    assert one(samples).law.usual.median == pytest.approx(float(np.exp(np.log(drawn).mean())), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(1.0, 1e6), min_size=1, max_size=50),
    st.lists(st.floats(1.0, 1e6), max_size=20),
    st.booleans(),
)
def test_any_samples_give_a_law(seen: list[float], cut: list[float], may_hang: bool) -> None:  # noqa: FBT001
    found = one_or_two(Samples.of(np.array(seen), np.array(cut)), may_hang=may_hang)
    law = found.law
    for part in (law.usual, law.slow):
        assert 0 < part.median < math.inf
        assert part.sigma > 0
    assert 0 <= law.share < 1
    assert 0 <= found.hung <= len(cut) + 1e-9
    assert law.quantile(0.1) <= law.quantile(0.9)


def test_a_quantile_is_where_the_share_lies() -> None:
    law = Mixture(Lognormal(430, 0.35), Lognormal(1900, 0.3), 0.06)
    for share in (0.01, 0.5, 0.93, 0.99, 0.9999):
        assert law.below(np.array([law.quantile(share)]))[0] == pytest.approx(share, rel=1e-6)

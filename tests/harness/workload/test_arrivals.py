"""Arrivals: they follow the curve, shop by shop, and depend on the seed alone."""

import numpy as np
import pytest

from harness.workload.arrivals import LAWS, Law, _renewal, draw
from harness.workload.curve import RateCurve, constant, evening
from harness.workload.shops import make_shops
from harness.workload.spans import parse_window
from tests.harness.workload.test_curve import expected_count

NS = 1_000_000_000
EVENING = evening(parse_window("18:00-23:00"), 300.0, 60.0)


def _operational(curve: RateCurve, at_ns: np.ndarray) -> np.ndarray:
    """Instants in expected calls, by fine numeric integration."""
    grid = np.linspace(0, curve.length_s, 300_001)
    rates = np.interp(grid, curve.times_s, curve.rates)
    steps = (rates[1:] + rates[:-1]) / 2 * np.diff(grid)
    return np.interp(at_ns / NS, grid, np.concatenate(([0.0], np.cumsum(steps))))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("curve", [EVENING, constant(20.0, 100.0)], ids=["evening", "constant"])
def test_instants_are_sorted_whole_microseconds_inside_the_curve(law: Law, curve: RateCurve) -> None:
    arrivals = draw(curve, law, make_shops(3), 3)
    assert len(arrivals.at_ns) == len(arrivals.shop)
    assert np.all(np.diff(arrivals.at_ns) >= 0)
    assert np.all(arrivals.at_ns % 1000 == 0)
    assert arrivals.at_ns[0] >= 0
    assert arrivals.at_ns[-1] <= curve.length_s * NS
    assert set(arrivals.shop) <= set(range(200))


def test_poisson_counts_follow_the_curve() -> None:
    seed = 2024
    arrivals = draw(EVENING, "poisson", make_shops(seed), seed)
    edges = np.linspace(0, EVENING.length_s, 61)
    counts, _ = np.histogram(arrivals.at_ns / NS, edges)
    cumulative = [expected_count(EVENING, float(edge)) for edge in edges[1:]]
    expected = np.diff([0.0, *cumulative])
    assert expected.min() > 20
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    # Chi-square with 60 degrees of freedom: mean 60, standard deviation 11.
    assert 60 - 3.5 * 11 < chi_square < 60 + 3.5 * 11, f"seed {seed}"


def test_poisson_gaps_are_exponential_in_operational_time() -> None:
    seed = 9
    curve = constant(200.0, 100.0)
    arrivals = draw(curve, "poisson", make_shops(seed), seed)
    gaps = np.diff(arrivals.at_ns / NS) * 200.0
    assert gaps.mean() == pytest.approx(1.0, abs=0.03), f"seed {seed}"
    assert gaps.std() == pytest.approx(1.0, abs=0.04), f"seed {seed}"
    assert (gaps > 1).mean() == pytest.approx(np.exp(-1), abs=0.015), f"seed {seed}"


@pytest.mark.parametrize("shop", [0, 1, 2])
def test_gamma_gaps_of_a_shop_have_its_coefficient_of_variation(shop: int) -> None:
    seed = 5
    curve = evening(parse_window("18:00-23:00"), 300.0, 2000.0)
    shops = make_shops(seed)
    arrivals = draw(curve, "gamma", shops, seed)
    own = _operational(curve, arrivals.at_ns[arrivals.shop == shop])
    gaps = np.diff(own) * shops.weights[shop]
    assert len(gaps) > 10_000
    assert gaps.mean() == pytest.approx(1.0, abs=0.1), f"seed {seed}"
    assert gaps.std() / gaps.mean() == pytest.approx(shops.cvs[shop], rel=0.07), f"seed {seed}"


def test_gamma_is_burstier_than_poisson() -> None:
    seed = 4
    shops = make_shops(seed)
    curve = constant(50.0, 400.0)

    def dispersion(law: Law) -> float:
        counts, _ = np.histogram(draw(curve, law, shops, seed).at_ns / NS, np.arange(401))
        return float(counts.var() / counts.mean())

    assert dispersion("poisson") == pytest.approx(1.0, abs=0.25)
    assert dispersion("gamma") > 1.5


@pytest.mark.parametrize("cv", [0.5, 1.0, 4.0])
def test_a_shops_renewals_are_stationary_from_the_first_second(cv: float) -> None:
    # A process begun with a whole gap would have too few calls at first (cv < 1) or too many (cv > 1).
    instants = [_renewal(3.0, cv, seed, 0) for seed in range(4000)]
    for start in (0.0, 2.0):
        counts = np.array([((i >= start) & (i < start + 1)).sum() for i in instants])
        error = counts.std() / np.sqrt(len(counts))
        assert counts.mean() == pytest.approx(1.0, abs=4.5 * error)


def test_constant_is_evenly_spaced_in_operational_time() -> None:
    arrivals = draw(constant(10.0, 2.0), "constant", make_shops(1), 1)
    assert arrivals.at_ns.tolist() == [round((0.05 + 0.1 * n) * NS) for n in range(20)]
    evenly = _operational(EVENING, draw(EVENING, "constant", make_shops(1), 1).at_ns)
    assert np.diff(evenly) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("law", LAWS)
def test_shops_get_their_share(law: Law) -> None:
    shops = make_shops(6)
    shop = draw(constant(400.0, 200.0), law, shops, 6).shop
    for index in range(3):
        # 80,000 calls; for bursty shops the count varies by about cv / sqrt(n).
        assert (shop == index).mean() == pytest.approx(shops.weights[index], rel=0.12)


@pytest.mark.parametrize("law", ["poisson", "gamma"])
def test_another_seed_is_another_evening(law: Law) -> None:
    shops = make_shops(1)
    first, again, other = (draw(EVENING, law, shops, seed).at_ns for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()

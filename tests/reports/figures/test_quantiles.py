import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.figures.quantiles import curve, nines, percentiles, quantile

FINITE = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@given(samples=FINITE, q=st.floats(0, 1))
def test_finite_samples_give_numpys_linear_quantile(samples: list[float], q: float) -> None:
    expected = float(np.quantile(samples, q, method="linear"))
    assert quantile(np.sort(samples), q) == pytest.approx(expected, rel=1e-6, abs=2e-3)


@given(finite=FINITE, failures=st.integers(1, 30), q=st.floats(0, 1))
def test_infinite_samples_never_give_nan(finite: list[float], failures: int, q: float) -> None:
    samples = np.sort(np.array([*finite, *[math.inf] * failures]))
    assert not math.isnan(quantile(samples, q))


@given(finite=FINITE, failures=st.integers(0, 30), qs=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_higher_quantile_is_never_lower(
    finite: list[float], failures: int, qs: tuple[float, float]
) -> None:
    samples = np.sort(np.array([*finite, *[math.inf] * failures]))
    low, high = sorted(qs)
    assert quantile(samples, low) <= quantile(samples, high) + 2e-3


def test_between_a_finite_and_an_infinite_sample_is_infinite() -> None:
    samples = np.array([1.0, 2.0, math.inf, math.inf])
    assert quantile(samples, 1 / 3) == 2.0  # exactly the second sample
    assert quantile(samples, 0.34) == math.inf
    assert quantile(samples, 0.9) == math.inf


def test_a_sample_is_hit_exactly_despite_binary_rounding() -> None:
    # (n - 1) * 0.999 for n = 4001 is 3996, of which floating point makes 3996.0000000000005 or less.
    samples = np.array([float(n) for n in range(3997)] + [math.inf] * 4)
    assert quantile(samples, 0.999) == 3996.0


@pytest.mark.parametrize(
    ("name", "least"), [("p50", 20), ("p90", 100), ("p95", 200), ("p99", 1000), ("p99.9", 10_000)]
)
def test_a_percentile_needs_its_samples(name: str, least: int) -> None:
    assert percentiles(np.zeros(least - 1))[name] is None
    assert percentiles(np.zeros(least))[name] == 0.0


def test_mean_and_maximum_need_one_sample() -> None:
    assert percentiles(np.array([2.0, 4.0]))["mean"] == 3.0
    assert percentiles(np.array([2.0, 4.0]))["max"] == 4.0
    empty = percentiles(np.empty(0))
    assert (empty["mean"], empty["max"], empty["n"]) == (None, None, 0)


def test_one_failure_makes_mean_and_maximum_infinite() -> None:
    found = percentiles(np.array([1.0] * 19 + [math.inf]))
    assert (found["p50"], found["mean"], found["max"]) == (1.0, math.inf, math.inf)


def test_the_curve_ends_at_the_last_percentile_the_samples_can_tell() -> None:
    shares, values = curve(np.arange(1000, dtype=float))
    assert shares[0] == 0.0
    assert shares[-1] == pytest.approx(0.999)
    assert values[0] == 0.0
    assert np.all(np.diff(values) >= 0)


def test_every_nine_is_one_step() -> None:
    assert nines([0.0, 0.9, 0.99, 0.999]).tolist() == pytest.approx([0, 1, 2, 3])


@given(
    ok_ns=st.lists(st.integers(0, 10**14), max_size=60),
    repeated=st.integers(1, 40),
    failed=st.integers(0, 80),
    share=st.sampled_from(["0.5", "0.9", "0.95", "0.99", "0.999"]),
)
def test_quantiles_are_those_of_exact_fractions_with_failures_as_infinite(
    ok_ns: list[int], repeated: int, failed: int, share: str
) -> None:
    exact: list[Fraction | None] = [Fraction(ns, 10**6) for ns in sorted(ok_ns * repeated)] + [None] * failed
    if not exact:
        return
    position = (len(exact) - 1) * Fraction(share)
    low = position.numerator // position.denominator
    below, above = exact[low], exact[min(low + 1, len(exact) - 1)]
    samples = np.array([np.inf if one is None else float(one) for one in exact])

    found = quantile(samples, float(share))

    if below is None or (position != low and above is None):
        assert found == math.inf
    else:
        between = Fraction(0) if above is None else (position - low) * (above - below)
        # A summary holds nanoseconds: the last digit of it is never more than half of one off.
        assert (
            abs(Fraction(f"{found:.6f}") - below - between)
            <= Fraction(1, 2 * 10**6) + (below + between) / 2**50
        )

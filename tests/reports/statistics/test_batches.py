import numpy as np

from reports.statistics.batches import BATCHES, batches, estimate_within


def test_a_run_of_independent_calls_is_as_good_as_ten_runs() -> None:
    series = np.random.default_rng(1).exponential(100, 20_000)
    found = estimate_within(batches(series), "p95")
    assert found.value == np.quantile(series, 0.95)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 100 * np.log(20) < found.high
    # Of independent calls: 2 * 2.26 standard errors, each sqrt(q (1 - q) / n) / density, density 0.05 / 100.
    width = 2 * 2.262 * np.sqrt(0.95 * 0.05 / 20_000) / (0.05 / 100)
    assert 0.4 * width < found.high - found.low < 1.9 * width


def test_batches_that_resemble_their_neighbours_are_no_runs() -> None:
    rng = np.random.default_rng(2)
    series = rng.exponential(100, 20_000) * np.repeat(np.linspace(1, 3, BATCHES), 2000)
    found = estimate_within(batches(series), "p95")
    assert (found.low, found.high) == (None, None)
    assert found.why == "neighbouring batches are alike beyond the p95"


def test_a_refusal_speaks_of_batches() -> None:
    series = np.random.default_rng(3).exponential(100, 20_000)
    series[:1500] += 1e6
    assert estimate_within(batches(series), "p95").why == "1 of 10 batches reach the p95: 6 must"

import math

import numpy as np
import pytest

from reports.statistics.student import half_width, t95


@pytest.mark.parametrize(
    ("free", "t"),
    # NIST/SEMATECH e-Handbook, table 1.3.6.7.2; the table in the source ends at 10.
    [
        (1, 12.706),
        (2, 4.303),
        (10, 2.228),
        (11, 2.201),
        (15, 2.131),
        (30, 2.042),
        (100, 1.984),
        (1000, 1.962),
    ],
)
def test_quantiles_are_those_of_the_tables(free: int, t: float) -> None:
    assert t95(free) == pytest.approx(t, rel=1e-3)


def test_a_half_width_is_t_times_the_standard_error() -> None:
    # 1 and 3: standard deviation sqrt(2), t of one degree 12.706.
    assert half_width([1.0, 3.0]) == pytest.approx(12.706)


@pytest.mark.parametrize("n", [3, 11, 12, 16])
def test_half_widths_of_more(n: int) -> None:
    differences = [float(i % 2) for i in range(n)]
    expected = t95(n - 1) * float(np.std(differences, ddof=1)) / math.sqrt(n)
    assert half_width(differences) == pytest.approx(expected)


def test_one_value_is_sure_of_nothing() -> None:
    assert math.isnan(half_width([3.0]))
    assert math.isnan(half_width([]))

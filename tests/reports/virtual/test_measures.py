"""What cells are judged by: names, units, sides, and what cannot be told or has no end."""

import math

import numpy as np
import pytest

from reports.virtual.measures import MEASURES, as_json, figure_text, number
from tests.reports.virtual import small


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("goodput", 2.5),
        ("good_share", 0.25),
        ("throughput", 9.0),
        ("ok_share", 0.9),
        ("amplification", 1.2),
        ("shed_rate", 0.1),
        ("breaker_open_fraction", 0.05),
        ("tokens_per_good_call", 120.0),
        ("wasted_tokens", 3.0),
        ("call_latency.p99", 3.0),
        ("call_latency_all.mean", 1.5),
        ("backoff.max", 4.0),
    ],
)
def test_a_measure_of_a_cell(name: str, value: float) -> None:
    assert MEASURES[name].of(small.figures(2.5, 120.0)) == pytest.approx(value)


@pytest.mark.parametrize("name", ["call_latency.p99.9", "ttft.p50", "time_to_recover"])
def test_what_cannot_be_told_is_no_number(name: str) -> None:
    assert math.isnan(MEASURES[name].of(small.figures()))


def test_of_a_run_without_calls_no_share_can_be_told() -> None:
    empty = small.figures(0.0, calls=0, outcomes={"ok": 0}, good_calls=0, amplification=None, shed_rate=None)
    for name in ("good_share", "ok_share", "amplification", "shed_rate"):
        assert math.isnan(MEASURES[name].of(empty)), name
    assert MEASURES["goodput"].of(empty) == 0.0


def test_no_good_call_is_endlessly_dear() -> None:
    assert MEASURES["tokens_per_good_call"].of(small.figures(0.0)) == math.inf


def test_in_real_time_nobody_knows_what_was_billed() -> None:
    assert math.isnan(MEASURES["tokens_per_good_call"].of(small.figures(billed_tokens=None)))


def test_a_mean_is_infinite_where_a_seed_is_and_unknown_where_one_is() -> None:
    of = MEASURES["time_to_recover"]
    cells = [small.figures(time_to_recover_s=value) for value in (4.0, 8.0, "inf", None)]
    assert of.mean(cells[:2]) == 6.0
    assert of.mean(cells[:3]) == math.inf
    assert math.isnan(of.mean(cells))


def test_every_measure_is_told_of_any_cell_and_has_a_better_side() -> None:
    for name, measure in MEASURES.items():
        assert measure.name == name
        assert isinstance(measure.of(small.figures()), float)
        assert measure.side == (1 if name in {"goodput", "good_share", "throughput", "ok_share"} else -1)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("goodput", 3.14159, "3.14"),
        ("tokens_per_good_call", 12345.6, "12,346"),
        ("good_share", 0.1234, "12.3 %"),
        ("call_latency.p50", 1.26, "1.3 s"),
        ("call_latency.p50", 1234.5, "1,234 s"),
        ("call_latency.p50", math.inf, "∞"),
        ("goodput", math.nan, "–"),
    ],
)
def test_figures_as_people_read_them(name: str, value: float, text: str) -> None:
    assert figure_text(value, MEASURES[name]) == text


def test_figures_as_json_holds_them_and_back() -> None:
    assert [as_json(v) for v in (1.5, math.nan, math.inf)] == [1.5, None, "inf"]
    np.testing.assert_array_equal([number(v) for v in (1.5, None, "inf", 3)], [1.5, math.nan, math.inf, 3.0])

"""Metric by metric: what is judged, what is refused, and what all of it comes to."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from reports.figures.objectives import DEFAULT
from reports.gate.judge import judge
from reports.gate.metrics import METRICS, Figure, chosen, figures
from reports.gate.sampled import Sampled
from reports.gate.verdict import Check, Outcome, Verdict, exit_code
from reports.reading.load import read_run
from tests.reports.gate import made

P95 = (METRICS["call_latency.p95"],)
BASE = {1: [1000.0, 1010.0, 990.0, 1005.0, 995.0, 1000.0, 1002.0, 998.0]}


def one(new: dict[int, list[float]], base: dict[int, list[float]] = BASE, *, asked: bool = False) -> Check:
    (found,) = judge(P95, made.records(base), made.records(new), 0.05, asked=asked)
    return found


def test_the_same_passes_and_half_as_slow_again_does_not() -> None:
    assert one({1: [1003.0]}).verdict is Verdict.PASS
    assert one({1: [1500.0]}).verdict is Verdict.REGRESSION
    assert one({1: [700.0]}).verdict is Verdict.IMPROVED


def test_the_row_shows_what_was_found() -> None:
    found = one({1: [1500.0]})

    assert found.cells["before"] == "1.00 s"
    assert found.cells["after"] == "1.50 s"
    assert found.cells["change"] == "+50.0 %"
    assert found.cells["how"] == "spread of 8 runs"
    assert found.data["worse_by"] == pytest.approx(math.log(1.5), abs=1e-3)


def test_twice_the_noise_of_the_baseline_is_tolerated() -> None:
    noisy = {1: [1000.0, 1060.0, 940.0, 1030.0, 970.0, 1000.0, 1020.0, 980.0]}
    found = one({1: [1150.0]}, noisy)

    assert found.verdict is not Verdict.REGRESSION
    assert float(found.data["tolerance"]) > 2 * 0.08  # pairs of them are up to 12 % apart


def test_without_runs_of_one_seed_the_interval_stands_in_for_the_noise() -> None:
    draw = [1.0, 1.1, 0.9, 1.05, 0.95, 1.02]
    base = {seed: [1000.0] for seed in range(6)}
    found = one({seed: [1000.0 * x] for seed, x in enumerate(draw)}, base)

    assert found.data["noise_pairs"] == 0
    assert found.data["noise"] == pytest.approx(
        (float(found.data["worse_high"]) - float(found.data["worse_low"])) / 2, abs=1e-6
    )


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("call_latency.p50", 200),
        ("call_latency.p95", 1000),
        ("call_latency.p99", 3000),
        ("call_latency.p99.9", 30_000),
        ("request_goodput", 200),
    ],
)
def test_a_metric_is_refused_by_size(name: str, least: int) -> None:
    metric = METRICS[name]
    few = made.records(BASE, name, least - 1)
    enough = made.records(BASE, name, least)

    assert metric.least == least
    assert judge((metric,), enough, enough[:1], 0.05, asked=False)[0].verdict is Verdict.PASS
    refused = judge((metric,), enough, few[:1], 0.05, asked=False)[-1]
    assert refused.verdict is Verdict.NOT_JUDGED
    assert f"{least - 1:,} samples in a run: expected {least:,} or more" in refused.reason
    assert judge((metric,), few, enough[:1], 0.05, asked=True)[-1].verdict is Verdict.INCONCLUSIVE


def test_where_no_latency_can_be_judged_nothing_can() -> None:
    few = made.records(BASE, n=50)
    found = judge(tuple(METRICS.values()), few, few[:1], 0.05, asked=False)

    assert found[0].verdict is Verdict.INCONCLUSIVE
    assert found[0].reason == "no latency can be judged: 50 calls a run, expected 200 ok ones or more"
    assert Outcome("", tuple(found)).code == 3


def test_what_only_some_runs_have_is_not_compared() -> None:
    base, bare = made.records(BASE), made.records({1: [1.0]}, "ttft.p95")
    found = judge(P95, base, bare, 0.05, asked=True)

    assert "1 of 9 runs have none" in found[-1].reason


def test_infinite_before_and_after_is_no_change_and_a_new_one_a_regression() -> None:
    never = {1: [math.inf] * 8}

    assert one({1: [math.inf]}, never).verdict is Verdict.PASS
    lost = one({1: [math.inf]})
    assert (lost.verdict, lost.cells["after"], lost.cells["change"]) == (Verdict.REGRESSION, "∞", "+∞")


def test_metrics_are_chosen_once_each() -> None:
    assert [m.name for m in chosen(["e2el.p95", "e2el.p95", "amplification"])] == [
        "e2el.p95",
        "amplification",
    ]


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([], 3),
        ([Verdict.NOT_JUDGED], 3),
        ([Verdict.PASS, Verdict.NOT_JUDGED], 0),
        ([Verdict.IMPROVED], 0),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], 3),
        ([Verdict.INCONCLUSIVE, Verdict.REGRESSION], 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst(verdicts: list[Verdict], code: int) -> None:
    assert exit_code(verdicts) == code


def test_the_figures_of_a_run_are_those_of_its_summary(paper: Path) -> None:
    sampled = Sampled(read_run(paper), DEFAULT)
    found = figures(sampled)

    # Twelve calls in 12 s, seven ok, six within 15 s; fifteen attempts.
    assert found["request_goodput"] == Figure(0.5, 12)
    assert found["amplification"] == Figure(1.25, 12)
    assert found["failed_share"].value == pytest.approx(5 / 12)
    assert found["call_latency.p50"] == Figure(2000.0, 7)
    assert found["call_latency_all.p95"].value == math.inf
    assert "ttft.p95" not in found
    assert found["request_goodput"].value == sampled.plain("request_goodput")
    assert found["amplification"].value == sampled.plain("amplification")

"""The rule, at its edges: tolerance 5 %, floor 10, useful up to 20 %."""

from __future__ import annotations

import math

import pytest

from reports.gate.decide import Limits, Worse, decide
from reports.gate.verdict import Verdict

LIMITS = Limits(wanted=0.05, noise=0.0, floor=10.0)


@pytest.mark.parametrize(
    ("low", "high", "difference", "verdict"),
    [
        (0.051, 0.20, 100, Verdict.REGRESSION),  # sure, however wide
        (0.051, 0.90, 100, Verdict.REGRESSION),
        (0.051, 0.20, 10, Verdict.PASS),  # under the floor
        (0.050, 0.20, 100, Verdict.PASS),  # the bound is to pass the tolerance
        (-0.20, -0.051, -100, Verdict.IMPROVED),
        (-0.20, -0.051, -10, Verdict.PASS),
        (-0.20, -0.050, -100, Verdict.PASS),
        (-0.90, 0.05, 0, Verdict.PASS),  # wide, but surely no worse than the tolerance
        (-0.10, 0.10, 0, Verdict.PASS),  # as wide as is of use
        (-0.10, 0.11, 0, Verdict.INCONCLUSIVE),
        (math.inf, math.inf, math.inf, Verdict.REGRESSION),
        (-math.inf, -math.inf, -math.inf, Verdict.IMPROVED),
        (-math.inf, math.inf, 0, Verdict.INCONCLUSIVE),
        (math.nan, math.nan, 100, Verdict.INCONCLUSIVE),
    ],
)
def test_the_interval_the_tolerance_and_the_floor_decide(
    low: float, high: float, difference: float, verdict: Verdict
) -> None:
    assert decide(Worse((low + high) / 2, low, high, difference), LIMITS)[0] is verdict


def test_noise_raises_the_tolerance_to_twice_itself() -> None:
    worse = Worse(0.10, 0.08, 0.12, 100)

    assert Limits(0.05, 0.02, 10).tolerance == 0.05
    assert Limits(0.05, 0.04, 10).tolerance == 0.08
    assert decide(worse, Limits(0.05, 0.039, 10))[0] is Verdict.REGRESSION
    assert decide(worse, Limits(0.05, 0.04, 10))[0] is Verdict.PASS


def test_a_pass_under_noise_that_hides_everything_is_none() -> None:
    worse = Worse(0.06, 0.04, 0.08, 100)

    assert decide(worse, Limits(0.05, 0.10, 10)) == (Verdict.PASS, "")
    verdict, reason = decide(worse, Limits(0.05, 0.11, 10))  # tolerance 22 %, of use are 20
    assert verdict is Verdict.INCONCLUSIVE
    assert "differ from themselves" in reason


def test_a_half_width_is_that_of_the_interval() -> None:
    assert Worse(0, -0.1, 0.3, 0).half_width == pytest.approx(0.2)
    assert Worse(0, math.inf, math.inf, 0).half_width == 0

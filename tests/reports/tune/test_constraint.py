"""Constraints as people write them: what they bound, by how much they are missed, and which make no sense."""

from __future__ import annotations

import math
from typing import Any

import pytest

from reports.errors import SpecError
from reports.tune import constraint as constraints
from reports.tune.constraint import UNTOLD, parse
from reports.virtual.measures import MEASURES
from tests.reports.virtual import small


@pytest.mark.parametrize(
    ("text", "name", "limit", "above", "strict"),
    [
        ("call_latency.p99 < 20s", "call_latency.p99", 20.0, False, True),
        ("call_latency.p99<=20 s", "call_latency.p99", 20.0, False, False),
        ("call_latency.p99.9 < 1.5 min", "call_latency.p99.9", 90.0, False, True),
        (" e2el.mean < 250ms ", "e2el.mean", 0.25, False, True),
        ("good_share >= 99.5 %", "good_share", 0.995, True, False),
        ("shed_rate < 0.05", "shed_rate", 0.05, False, True),
        ("shed_rate <= 0 %", "shed_rate", 0.0, False, False),
        ("goodput > 3/s", "goodput", 3.0, True, True),
        ("goodput > 3", "goodput", 3.0, True, True),
        ("amplification < 1.5", "amplification", 1.5, False, True),
    ],
)
def test_a_bound_on_a_measure(text: str, name: str, limit: float, above: bool, strict: bool) -> None:  # noqa: FBT001
    found = parse(text)
    assert (found.measure.name, found.above, found.strict) == (name, above, strict)
    assert found.limit == pytest.approx(limit)
    assert found.text == text


BAD = [
    ("nonsense", "expected such as 'call_latency.p99 < 20s'"),
    ("goodput = 3", "expected such as"),
    ("goodput < ", "expected such as"),
    ("goodput < 3 < 4", "expected such as"),
    ("goodput < 1e3", "expected such as"),
    ("GOODPUT < 3", "expected such as"),
    ("godput < 3", "unknown measure 'godput', did you mean 'goodput'?; known: goodput, "),
    ("call_latency.p98 < 3s", "unknown measure 'call_latency.p98', did you mean 'call_latency.p9"),
    ("goodput < 5 s", "goodput is not in s: expected /s or no unit"),
    ("call_latency.mean < 5", "call_latency.mean is not in plain numbers: expected s or ms or min"),
    ("call_latency.mean < 5 %", "call_latency.mean is not in %: expected s or ms or min"),
    ("amplification < 5 %", "amplification is not in %: expected no unit"),
    ("call_latency.p99 < 0s", "nothing can keep it: call_latency.p99 is a number from 0"),
    ("call_latency.p99 < -3s", "call_latency.p99 is a number from 0"),
    ("goodput > -1", "goodput is a number from 0"),
    ("shed_rate < 0 %", "nothing can keep it: shed_rate is between 0 and 100 %"),
    ("good_share > 100 %", "nothing can keep it: good_share is between 0 and 100 %"),
    ("good_share >= 101 %", "good_share is between 0 and 100 %"),
    ("shed_rate < 5", "shed_rate is between 0 and 100 %"),  # 5 % was meant
    ("call_latency.mean < " + "9" * 400 + "s", "call_latency.mean is a number from 0"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"constraint {text!r}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "goodput", "violation"),
    [
        ("goodput > 4", 6.0, -0.5),
        ("goodput > 4", 3.0, 0.25),
        ("goodput < 4", 3.0, -0.25),
        ("goodput < 4", 6.0, 0.5),
        ("goodput <= 4", 4.0, 0.0),
        ("goodput >= 4", 4.0, 0.0),
        ("goodput > 4", 4.0, 1e-9),
        ("goodput < 4", 4.0, 1e-9),
        ("goodput <= 0", 0.0, 0.0),
        ("goodput <= 0", 9.0, UNTOLD),
    ],
)
def test_violations_are_shares_of_the_limit(text: str, goodput: float, violation: float) -> None:
    assert parse(text).violation([small.figures(goodput)]) == pytest.approx(violation)


def test_the_mean_over_the_seeds_is_bound() -> None:
    cells = [small.figures(goodput) for goodput in (2.0, 4.0)]
    assert parse("goodput >= 3").violation(cells) == 0
    assert parse("goodput >= 3.5").violation(cells) > 0


@pytest.mark.parametrize("value", [None, "inf"])
def test_what_cannot_be_told_or_has_no_end_keeps_nothing(value: str | None) -> None:
    cells = [small.figures(time_to_recover_s=v) for v in (1.0, value)]
    assert parse("time_to_recover < 60s").violation(cells) == UNTOLD


@pytest.mark.parametrize(
    ("pair", "both"),
    [
        (("goodput > 2", "goodput < 1"), False),
        (("goodput > 2", "goodput < 2"), False),
        (("goodput >= 2", "goodput < 2"), False),
        (("goodput >= 2", "goodput <= 2"), True),
        (("goodput > 1", "goodput < 2"), True),
        (("goodput > 2", "throughput < 1"), True),
        (("goodput < 1", "goodput < 2"), True),
    ],
)
def test_a_pair_that_nothing_keeps_is_refused(pair: tuple[str, str], both: bool) -> None:  # noqa: FBT001
    parsed = [parse(text) for text in pair]
    if both:
        constraints.refuse_contradictions(parsed)
        return
    with pytest.raises(SpecError, match=r"^constraints 'goodput <.*' and 'goodput >.*': nothing can keep"):
        constraints.refuse_contradictions(parsed)


@pytest.mark.parametrize(
    ("name", "calls", "stage", "said"),
    [
        ("call_latency.p99", 999, {}, "999 calls are too few for p99: expected a load of at least 1,000"),
        ("call_latency.p99.9", 9_999, {}, "9,999 calls are too few for p99.9: expected a load of at least"),
        ("backoff.p50", 19, {}, "19 calls are too few for p50"),
        ("ttft.mean", 9_999, {}, "only a stream has ttft: expected stream = true"),
        ("time_to_recover", 9_999, {}, "no window of faults that ends within the run: expected `cleared`"),
        ("call_latency.p99", 1000, {}, ""),
        ("call_latency.mean", 1, {}, ""),
        ("goodput", 1, {}, ""),
        ("ttft.p99", 1000, {"stream": True}, ""),
        ("itl.p99", 100, {"stream": True}, ""),  # of gaps there are many in a call
        ("time_to_recover", 1, {"steady": {**small.STEADY, "cleared": "9s"}}, ""),
    ],
)
def test_what_a_load_can_never_tell_is_refused(
    name: str, calls: int, stage: dict[str, Any], said: str
) -> None:
    given = MEASURES[name], "objective 'x'", small.stage(**stage), calls
    if not said:
        constraints.refuse_untold(*given)
        return
    with pytest.raises(SpecError) as caught:
        constraints.refuse_untold(*given)
    assert str(caught.value).startswith("objective 'x': ")
    assert said in str(caught.value)


def test_a_violation_is_a_number_whatever_the_figures() -> None:
    for measure in MEASURES.values():
        sample = {"s": "1s", "%": "1 %", "/s": "1/s", "": "1"}[measure.unit]
        found = parse(f"{measure.name} < {sample}").violation([small.figures()])
        assert math.isfinite(found), measure.name

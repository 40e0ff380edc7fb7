"""Thresholds: how they are written, and what they make of the paper run."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.errors import UsageError
from reports.figures.objectives import DEFAULT
from reports.gate.sampled import Sampled, least_samples
from reports.gate.thresholds import check, parse
from reports.gate.verdict import Verdict
from reports.reading.load import read_run
from tests.reports.gate import made


@pytest.fixture(scope="module")
def sampled(paper: Path) -> Sampled:
    return Sampled(read_run(paper), DEFAULT)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("call_latency p(99)<20s", 20_000),
        ("call_latency p(99.95) <= 1.5 s", 1500),
        ("e2el avg<800", 800),
        ("ttft max<250ms", 250),
        ("schedule_lag p(99)<500us", 0.5),
        ("itl med<.5s", 500),
        ("call_latency p(95)<2m", 120_000),
        ("outcomes.timeout rate<1%", 0.01),
        ("outcomes.timeout rate<0.01", 0.01),
        ("attempt_outcomes.throttled count<10", 10),
        ("breaker_open_fraction value<5%", 0.05),
        ("request_goodput value>5", 5),
        ("in_flight_at_end count===0", 0),
    ],
)
def test_limits_are_in_milliseconds_fractions_or_as_they_stand(text: str, limit: float) -> None:
    assert parse(text).limit == pytest.approx(limit)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("call_latency", "expected METRIC AGGREGATE<VALUE, such as 'call_latency"),
        ("call_latency p(99)<", "expected METRIC AGGREGATE<VALUE"),
        (
            "call_latancy p(99)<20s",
            "'call_latancy': expected one of call_latency, .*did you mean 'call_latency'",
        ),
        ("outcomes.timeut rate<1%", "did you mean 'outcomes.timeout'"),
        ("call_latency p<20s", r"'p': call_latency has p\(N\), avg, min, max, med, count"),
        ("call_latency avg(3)<20s", r"'avg\(3\)': call_latency has"),
        ("call_latency rate<1%", "'rate': call_latency has"),
        ("amplification avg<2", "'avg': amplification has value"),
        ("call_latency maxi<2s", "did you mean 'max'"),
        ("call_latency p(101)<20s", r"p\(101\): expected a percentile from 0 to 100"),
        ("call_latency p(9.9.9)<20s", "expected a percentile"),
        ("call_latency p(99)<20h", "unit 'h': expected one of us, µs, ms, s, m, min, or none"),
        ("call_latency p(99)<20%", "unit '%'"),
        ("outcomes.timeout rate<1s", "unit 's': expected one of %, or none"),
        ("outcomes.timeout count<1%", "unit '%': expected a number without a unit"),
        ("amplification value<1.5s", "unit 's': expected a number without a unit"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(text)


@pytest.mark.parametrize(
    ("text", "verdict", "shown"),
    [
        # Latencies of the seven ok calls: 1, 2, 3, 4, 20, 0.5 and 1.5 s.
        ("call_latency min>=500ms", Verdict.PASS, "500 ms"),
        ("call_latency max<20s", Verdict.REGRESSION, "20.0 s"),
        ("call_latency avg<4572ms", Verdict.PASS, "4.57 s"),
        ("call_latency count==7", Verdict.PASS, "7"),
        ("call_latency_all max<60s", Verdict.REGRESSION, "∞"),
        # Of twelve calls one timed out and two were rejected; fifteen attempts, two of them throttled.
        ("outcomes.timeout rate<8.4%", Verdict.PASS, "8.3 %"),
        ("outcomes.timeout rate<8.3%", Verdict.REGRESSION, "8.3 %"),
        ("outcomes.rejected count<=2", Verdict.PASS, "2"),
        ("attempt_outcomes.throttled rate<13%", Verdict.REGRESSION, "13.3 %"),
        ("good_calls count!=6", Verdict.REGRESSION, "6"),
        ("outcomes.partial count<1", Verdict.PASS, "0"),
        ("request_goodput value>=0.5", Verdict.PASS, "0.50"),
        ("amplification value<1.25", Verdict.REGRESSION, "1.25"),
        ("shed_rate value<20%", Verdict.PASS, "16.7 %"),
        ("tokens.wasted value<50", Verdict.REGRESSION, "50"),
    ],
)
def test_the_paper_run_is_held_to_its_figures(
    sampled: Sampled, text: str, verdict: Verdict, shown: str
) -> None:
    found = check(parse(text), sampled)

    assert (found.verdict, found.cells["after"]) == (verdict, shown)
    assert (found.reason == "") is (verdict is Verdict.PASS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("call_latency p(99)<20s", "7 samples: expected 3,000 or more"),
        ("call_latency med<20s", "7 samples: expected 200 or more"),
        ("ttft avg<1s", "0 samples: expected 1 or more"),
    ],
)
def test_too_few_samples_are_inconclusive(sampled: Sampled, text: str, said: str) -> None:
    found = check(parse(text), sampled)

    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, said)


def test_a_percentile_is_exact_whatever_it_is(tmp_path: Path) -> None:
    sampled = Sampled(read_run(made.noisy_run(tmp_path / "run", 1, calls=600)), DEFAULT)
    ordered = sorted(float(x) for x in sampled.ordered("call_latency"))
    # (600 - 1) * 0.3 = 179.7: seven tenths of the way from the 180th to the 181st.
    exact_ms = ordered[179] + 0.7 * (ordered[180] - ordered[179])
    found = check(parse(f"call_latency p(30)<={exact_ms + 1e-6:.9f}"), sampled)

    assert found.verdict is Verdict.PASS
    assert found.data["value"] == pytest.approx(exact_ms, abs=1e-6)


def test_percentiles_between_the_listed_ones_need_the_samples_of_the_next() -> None:
    assert [least_samples(q) for q in (0.5, 0.4, 0.75, 0.9, 0.95, 0.97, 0.99, 0.995, 0.999, 0.9999)] == [
        *(200, 500, 500, 500, 1000, 3000, 3000, 30_000, 30_000, 300_000),
    ]

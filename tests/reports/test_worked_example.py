"""A run of a dozen calls, and every figure of its summary worked out on paper.

Two workers, a window of 12 s, thirteen arrivals of which one was never recorded. Even ids are worker 0's,
odd ones worker 1's; `email` is what calls 3, 4, 5, 6, 9 and 10 ask for, the others `caption`. All ask for the
model `a`, but call 6 for `b`; the fallback, which call 4 comes to, is `c`. Milliseconds from the start:

id  due    entered  attempts: sent; content events; end, how           ends       took   tokens
 0      0  +0           0; 200 250 350 400;   420 ok                   ok           420   10+5
 1   1000  +10       1010;                   1110 throttled
                     2000; 2500 2500 2600;   2600 ok                   ok          1600   10+11
 2   2000  +0        2300; 2400;             2450 ok                   ok           450   10+1
 3   3000  +0        3000;                   4000 ok                   ok          1000  100+50
 4   4000  +0        4000;                   4100 overloaded
                     5000;                   5100 overloaded
                     5200;                   5700 ok, by the fallback  ok          1700  100+50
 5   5000  +0        6500;                  22000 ok                   ok         17000  100+50
 6   6000  +0        6000;                   7000 ok, of model b       ok          1000  200+100
 7   7000  +0        7000, 7500, 8000; each 50 later refused           transient   1050
 8   8000  +0        none: the breaker was open                        rejected       0
 9   9000  +20       9020;                  10020 timed out            timeout     1020
10  10000  +0       10000;                  10400 ok                   deadline     500   30+20
11  11000  +0       11000; 11100 11900;     12000 partial              partial     1000
12  never recorded
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from harness.model import AttemptFinished, BreakerChanged, CallFinished, Event, Fault, Outcome, StoppedBy
from harness.prices import Price, Prices
from harness.record import folder
from reports.figures.formulas import FORMULAS
from reports.figures.metrics import good
from reports.figures.objectives import DEFAULT
from reports.figures.recovery import Course
from reports.reading.load import read_run
from reports.reading.run import Run
from reports.summary.result import LATENCIES, summarise
from tests.reports.runs import ORIGIN_NS, Note, S, attempt, call, manifest, record, rewrite_manifest

CAPTION, EMAIL = {"kind": "caption", "model": "a"}, {"kind": "email", "model": "a"}

CALLS = (
    call(0, 0, 420, **CAPTION),
    call(1, 1000, 2600, start_ms=1010, attempts=2, backoff_ms=890, **CAPTION),
    call(2, 2000, 2450, permit_wait_ms=300, **CAPTION),
    call(3, 3000, 4000, **EMAIL),
    call(4, 4000, 5700, attempts=3, backoff_ms=1000, **EMAIL),
    call(5, 5000, 22_000, permit_wait_ms=1500, **EMAIL),
    call(6, 6000, 7000, kind="email", model="b"),
    call(
        7, 7000, 8050, Outcome.TRANSIENT, attempts=3, backoff_ms=900, stopped_by=StoppedBy.ATTEMPTS, **CAPTION
    ),
    call(8, 8000, 8000, Outcome.REJECTED, attempts=0, stopped_by=StoppedBy.BREAKER, detail="open", **CAPTION),
    call(9, 9000, 10_020, Outcome.TIMEOUT, start_ms=9020, stopped_by=StoppedBy.ATTEMPTS, **EMAIL),
    call(10, 10_000, 10_500, Outcome.DEADLINE, stopped_by=StoppedBy.DEADLINE, **EMAIL),
    call(11, 11_000, 12_000, Outcome.PARTIAL, stopped_by=StoppedBy.ATTEMPTS, **CAPTION),
)
ATTEMPTS = (
    attempt(0, 1, 0, 420, tokens=(10, 5), output_ms=(200, 250, 350, 400)),
    attempt(1, 1, 1010, 1110, Outcome.THROTTLED, fault=Fault.STATUS),
    attempt(1, 2, 2000, 2600, tokens=(10, 11), output_ms=(2500, 2500, 2600)),
    attempt(2, 1, 2300, 2450, tokens=(10, 1), output_ms=(2400,)),
    attempt(3, 1, 3000, 4000, tokens=(100, 50)),
    attempt(4, 1, 4000, 4100, Outcome.OVERLOADED, fault=Fault.STATUS),
    attempt(4, 2, 5000, 5100, Outcome.OVERLOADED, fault=Fault.STATUS),
    attempt(4, 3, 5200, 5700, tokens=(100, 50), route=1),
    attempt(5, 1, 6500, 22_000, tokens=(100, 50)),
    attempt(6, 1, 6000, 7000, tokens=(200, 100)),
    attempt(7, 1, 7000, 7050, Outcome.TRANSIENT, fault=Fault.CONNECT),
    attempt(7, 2, 7500, 7550, Outcome.TRANSIENT, fault=Fault.CONNECT),
    attempt(7, 3, 8000, 8050, Outcome.TRANSIENT, fault=Fault.CONNECT),
    attempt(9, 1, 9020, 10_020, Outcome.TIMEOUT, fault=Fault.ATTEMPT_TIMEOUT),
    attempt(10, 1, 10_000, 10_400, tokens=(30, 20)),
    attempt(11, 1, 11_000, 12_000, Outcome.PARTIAL, fault=Fault.READ, output_ms=(11_100, 11_900)),
)
# Worker 0's breaker is open from 8 s to 9.5 s, then half-open until 10 s; worker 1's open from 11 s to 13 s.
BREAKERS = (
    (
        BreakerChanged(ORIGIN_NS + 8 * S, "closed", "open"),
        BreakerChanged(ORIGIN_NS + 9 * S + S // 2, "open", "half_open"),
        BreakerChanged(ORIGIN_NS + 10 * S, "half_open", "closed"),
    ),
    (
        BreakerChanged(ORIGIN_NS + 11 * S, "closed", "open"),
        BreakerChanged(ORIGIN_NS + 13 * S, "open", "half_open"),
    ),
)
# CPU rows say what was spent since the last one: of worker 0 1 s until 2 s, 4.5 s until 8 s, 1 s until 13 s.
NOTES = (
    (
        Note(0, "cpu", 0.7),
        Note(2000, "cpu", 1.0),
        Note(8000, "cpu", 4.5),
        Note(13_000, "cpu", 1.0),
        Note(900, "gc_pause", 0.0004, "0"),
        Note(1900, "gc_pause", 0.0012, "1"),
        Note(1500, "loop_lag", 0.002),
        Note(1600, "loop_lag", 0.004),
    ),
    (
        Note(0, "cpu", 0.5),
        Note(12_000, "cpu", 1.2),
        Note(12_500, "gc_pause", 0.003, "2"),
        Note(1500, "loop_lag", 0.009),
    ),
)
# Dollars per million tokens: a 1 and 2, b 10 and 20, c 0.10 and 0.40; as picodollars a token.
PRICES = Prices(
    "on paper", {"a": Price(10**6, 2 * 10**6), "b": Price(10**7, 2 * 10**7), "c": Price(10**5, 4 * 10**5)}
)
POLICY = {"name": "tuned", "values": {"fallback": {"model": "c", "reserve_s": 5.0}}, "per_worker": {}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("worked") / "run"
    path.mkdir()
    manifest(path, workers=2)
    rewrite_manifest(path, policy=POLICY)
    for worker in (0, 1):
        events: list[Event] = [AttemptFinished(a) for a in ATTEMPTS if a.call_id % 2 == worker]
        events += [CallFinished(c) for c in CALLS if c.call_id % 2 == worker]
        record(path, worker, [*events, *BREAKERS[worker]], NOTES[worker], flush_every=4)
    scheduled = {"0": 7, "1": 6}
    # Arrivals stop at 12 s, and the last call ends at 22 s.
    folder.write_ending(path, folder.Ending("played", 12 * S, 22 * S, scheduled, scheduled, []))
    return read_run(path)


@pytest.fixture(scope="module")
def summary(run: Run) -> dict[str, Any]:
    return summarise(run, DEFAULT, PRICES)


def of(samples: list[float]) -> dict[str, Any]:
    """What a summary has of so few samples: no percentile is given from fewer than twenty."""
    n, total = len(samples), sum(Fraction(s) for s in samples)
    few = dict.fromkeys(("p50", "p90", "p95", "p99", "p99.9"))
    mean = round(float(total / n), 6) if n else None  # to the nanosecond
    return {**few, "mean": mean, "max": max(samples, default=None), "n": n}


def micro(dollars: int) -> float:
    """Millionths of a dollar."""
    return dollars / 1e6


def tokens(prompt: int, completion: int, wasted: int = 0) -> dict[str, int]:
    return {"prompt": prompt, "completion": completion, "wasted": wasted}


NONE_OF = dict.fromkeys(("throttled", "overloaded", "malformed", "local", "fatal", "cancelled"), 0)

WORKED: dict[str, Any] = {
    # Counted in the table above.
    "calls": 12,
    "attempts": 16,  # 1 + 2 + 1 + 1 + 3 + 1 + 1 + 3 + 0 + 1 + 1 + 1
    "outcomes": NONE_OF | {"ok": 7, "transient": 1, "rejected": 1, "timeout": 1, "deadline": 1, "partial": 1},
    "attempt_outcomes": NONE_OF
    | {"ok": 8, "throttled": 1, "overloaded": 2, "transient": 3, "timeout": 1, "partial": 1, "deadline": 0},
    "attempt_faults": {
        "ok": 8,
        "transient.connect": 3,
        "overloaded.status": 2,
        "partial.read": 1,
        "throttled.status": 1,
        "timeout.attempt_timeout": 1,
    },
    "stopped_by": {"attempts": 3, "breaker": 1, "deadline": 1},
    "in_flight_at_end": 1,  # 13 scheduled - 12 recorded
    "duration_s": 12.0,
    "drain_s": 10.0,  # 22 - 12
    # Good are the ok calls within 15 s: all but call 5.
    "good_calls": 6,
    "goodput_objectives_ms": {"call_latency": 15_000.0},
    "offered_rate": 13 / 12,
    "request_throughput": 7 / 12,
    "request_goodput": 6 / 12,
    "amplification": 16 / 12,
    "shed_rate": 1 / 12,  # call 8
    "breaker_open_fraction": 2.5 / 24,  # (1.5 s + 1 s within the window) / (2 workers x 12 s)
    # End - due: 420 + 1600 + 450 + 1000 + 1700 + 17000 + 1000 = 23170, over 7: 3310.
    "call_latency_ms": of([420, 1600, 450, 1000, 1700, 17_000, 1000]),
    "call_latency_all_ms": of([]) | {"mean": "inf", "max": "inf", "n": 12},
    # End - sent of the last attempt: 19170 / 7.
    "e2el_ms": of([420, 600, 150, 1000, 500, 15_500, 1000]),
    # Calls 0 to 2 were streamed and ok. First event - sent: 200 - 0, 2500 - 2000, 2400 - 2300.
    "ttft_ms": of([200, 500, 100]),
    # From event to event: of call 0 three, of call 1 two, of call 2 none.
    "itl_ms": of([50, 100, 50, 0, 100]),
    # (420 - 200) / (5 - 1), (2600 - 2500) / (11 - 1); call 2 has one token.
    "tpot_ms": of([55, 10]),
    # 1800 / 12, 2790 / 12, 30 / 12.
    "permit_wait_ms": of([300, 1500, *[0] * 10]),
    "backoff_ms": of([890, 1000, 900, *[0] * 9]),
    "schedule_lag_ms": of([10, 20, *[0] * 10]),
    "loop_lag_ms": of([2, 4, 9]),
    # Prompts 10 + 10 + 10 + 100 + 100 + 100 + 200 + 30; replies 5 + 11 + 1 + 50 + 50 + 50 + 100 + 20; call 10
    # was answered too late: 30 + 20 are wasted.
    "tokens": tokens(560, 287, 50),
    # In millionths of a dollar: a 260 x 1 + 137 x 2 = 534, of which call 10 is 30 + 40 = 70 wasted;
    # b 200 x 10 + 100 x 20 = 4000; c 100 x 0.10 + 50 x 0.40 = 30. In all 4564, over six good calls.
    "cost_usd": {
        "total": micro(4564),
        "wasted": micro(70),
        "per_good_call": float(Fraction(4564, 6_000_000)),
        "by_model": {
            "a": {
                "attempts": 14,
                "prompt_tokens": 260,
                "completion_tokens": 137,
                "usd_per_million_prompt_tokens": 1.0,
                "usd_per_million_completion_tokens": 2.0,
                "total": micro(534),
                "wasted": micro(70),
            },
            "b": {
                "attempts": 1,
                "prompt_tokens": 200,
                "completion_tokens": 100,
                "usd_per_million_prompt_tokens": 10.0,
                "usd_per_million_completion_tokens": 20.0,
                "total": micro(4000),
                "wasted": 0.0,
            },
            "c": {
                "attempts": 1,
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "usd_per_million_prompt_tokens": 0.1,
                "usd_per_million_completion_tokens": 0.4,
                "total": micro(30),
                "wasted": 0.0,
            },
        },
        "unpriced": [],
        "prices": "on paper",
    },
    "kinds": {
        "caption": {  # 0, 1, 2, 7, 8, 11
            "calls": 6,
            "ok": 3,
            "good": 3,
            "attempts": 8,
            "call_latency_ms": of([420, 1600, 450]),
            "tokens": tokens(30, 17),
            "cost_usd": micro(64),  # 30 + 34
        },
        "email": {  # 3, 4, 5, 6, 9, 10
            "calls": 6,
            "ok": 4,
            "good": 3,
            "attempts": 8,
            "call_latency_ms": of([1000, 1700, 17_000, 1000]),
            "tokens": tokens(530, 270, 50),
            "cost_usd": micro(4500),  # 4564 - 64
        },
    },
    "models": {
        "a": {  # all but 6; what the fallback did for call 4 is call 4's
            "calls": 11,
            "ok": 6,
            "good": 5,
            "attempts": 15,
            "call_latency_ms": of([420, 1600, 450, 1000, 1700, 17_000]),
            "tokens": tokens(360, 187, 50),
            "cost_usd": micro(564),  # 534 + 30
        },
        "b": {
            "calls": 1,
            "ok": 1,
            "good": 1,
            "attempts": 1,
            "call_latency_ms": of([1000]),
            "tokens": tokens(200, 100),
            "cost_usd": micro(4000),
        },
    },
    "by_outcome": {
        "ok": {
            "calls": 7,
            "attempts": 10,
            "took_ms": of([420, 1600, 450, 1000, 1700, 17_000, 1000]),
            "tokens": tokens(530, 267),
            "cost_usd": micro(4494),  # 4564 - 70
        },
        "deadline": {
            "calls": 1,
            "attempts": 1,
            "took_ms": of([500]),
            "tokens": tokens(30, 20, 50),
            "cost_usd": micro(70),
        },
        **{
            name: {
                "calls": 1,
                "attempts": sent,
                "took_ms": of([took]),
                "tokens": tokens(0, 0),
                "cost_usd": 0.0,
            }
            for name, sent, took in (
                ("partial", 1, 1000),
                ("rejected", 0, 0),
                ("timeout", 1, 1020),
                ("transient", 3, 1050),
            )
        },
    },
    "failure_details": [
        {"outcome": name, "detail": "open" if name == "rejected" else "", "calls": 1}
        for name in ("deadline", "partial", "rejected", "timeout", "transient")
    ],
    "queue": None,
    "generator": {
        # Worker 0: 1 s + 4.5 s + 4/5 of 1 s, of 12 s; at its busiest 4.5 s of 6. Worker 1: 1.2 s of 12 s.
        "cpu": {"mean": 0.525, "max": 0.75},
        "gc_pauses": {"n": 3, "total_ms": 4.6, "max_ms": 3.0},
        "workers": [
            {
                "worker": 0,
                "cpu": {"mean": 0.525, "max": 0.75},
                "gc_pauses": {"n": 2, "total_ms": 1.6, "max_ms": 1.2},
                "schedule_lag_ms": of([0, 0, 0, 0, 0, 0]),
                "loop_lag_ms": of([2, 4]),
            },
            {
                "worker": 1,
                "cpu": {"mean": 0.1, "max": 0.1},
                "gc_pauses": {"n": 1, "total_ms": 3.0, "max_ms": 3.0},
                "schedule_lag_ms": of([10, 20, 0, 0, 0, 0]),
                "loop_lag_ms": of([9]),
            },
        ],
    },
}

#: What a summary says besides figures, or is tested by rules of its own.
NO_FIGURES = {
    "run",
    "scenario",
    "seed",
    "policy",
    "target",  # tests/reports/summary/test_target.py
    "budget",
    "degraded",  # tests/reports/figures/test_checks.py
    "findings",  # tests/reports/findings
    "steady",  # tests/reports/statistics/test_steady.py, test_batches.py
    "quantile_definition",
    "failures",
}

#: Where the figure of a formula stands, for those whose name is no key of a summary.
ELSEWHERE = {
    "permit_wait, backoff": ("permit_wait_ms", "backoff_ms"),
    "generator cpu": ("generator",),
    "gc pauses": ("generator",),
    "wasted tokens": ("tokens",),
    "cost": ("cost_usd",),
    "took, by outcome": ("by_outcome",),
    "arrival window": ("duration_s",),
    # Of runs through a queue: tests/reports/figures/test_queueing.py.
    "acceptance": ("queue",),
    "wait in the queue": ("queue",),
    "drained after the peak": ("queue",),
}


@pytest.mark.parametrize("key", WORKED)
def test_a_figure_is_what_paper_says(summary: dict[str, Any], key: str) -> None:
    if key == "generator":
        # Fractions of a core are averages of floats.
        found, expected = dict(summary[key]), dict(WORKED[key])
        assert found.pop("cpu") == pytest.approx(expected.pop("cpu"), rel=1e-12)
        for mine, paper in zip(found["workers"], expected["workers"], strict=True):
            assert mine["cpu"] == pytest.approx(paper["cpu"], rel=1e-12)
            assert {**mine, "cpu": None} == {**paper, "cpu": None}
        assert {**found, "workers": None} == {**expected, "workers": None}
    else:
        assert summary[key] == WORKED[key]


def test_no_figure_of_a_summary_is_left_out(summary: dict[str, Any]) -> None:
    assert set(summary) == set(WORKED) | NO_FIGURES


def test_no_formula_is_left_out() -> None:
    for name, _ in FORMULAS:
        keys = ELSEWHERE.get(name) or ((name,) if name in WORKED else (f"{name}_ms",))
        assert set(keys) <= set(WORKED), name


def test_every_latency_that_is_printed_is_worked_out() -> None:
    assert {key for _, key in LATENCIES} <= set(WORKED)


def test_all_calls_as_long_as_they_took(run: Run) -> None:
    found = summarise(run, DEFAULT, PRICES, failures="took")
    # 23170 of the ok calls + 1050 + 0 + 1020 + 500 + 1000, over 12.
    assert found["call_latency_all_ms"] == of(
        [420, 1600, 450, 1000, 1700, 17_000, 1000, 1050, 0, 1020, 500, 1000]
    )
    assert found["call_latency_all_ms"]["mean"] == round(26_740 / 12, 6)


def test_the_lost_call_degrades_the_run(summary: dict[str, Any]) -> None:
    assert summary["degraded"] == ["1 calls were scheduled but not recorded"]


def test_time_to_recover(run: Run) -> None:
    # Bins of 5 s: 5 of 5 good, then call 6 of 5 to 9, then none of 10 and 11.
    course = Course(run.window_s)
    course.add(run.calls.intended_ns, good(run, DEFAULT))
    assert (course.offered.tolist(), course.good.tolist()) == ([5, 5, 2], [5, 1, 0])
    assert course.time_to_recover_s(4.0) == np.inf
    # Had 10 and 11 been good: bad until 10 s, which is 6 s after 4 s.
    mended = Course(run.window_s)
    mended.add(run.calls.intended_ns, good(run, DEFAULT) | (run.calls.call_id >= 10))
    assert mended.time_to_recover_s(4.0) == 6.0

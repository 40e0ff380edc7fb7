"""Whole virtual runs against what theory says of them, and against themselves.

Service times are what a profile can say: a constant, or lognormal; arrivals are Poisson. The formulas are
exact for those, or for any law of services: Pollaczek-Khinchine for one slot, Erlang's loss formula for many,
Little's law, a Poisson number in service where there are slots for all. Erlang C wants exponential services:
a trace has them, in whole tokens.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from hashlib import sha256
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest

from harness.model import (
    Attempt,
    AttemptFinished,
    BreakerChanged,
    Call,
    CallFinished,
    Event,
    Outcome,
    StoppedBy,
    Waited,
)
from harness.play.offer import Offer, steady_offer
from harness.play.player import DRAIN_S
from harness.policy.config import BreakerConfig, BudgetConfig, ConcurrencyConfig, Policy, RetryConfig
from harness.policy.presets import ARTICLE, NAIVE, TUNED
from harness.units import NS
from harness.workload.schedule import TraceSchedule
from harness.workload.trace import TraceRow
from reports.virtual.play import Played, VirtualRun, play
from tests.reports.virtual.sides import connections, profile

#: A client that adds nothing of its own.
PLAIN = replace(NAIVE, connections=connections(max=5000, read_timeout_s=1000.0))

#: A failing status without a hint, for as many requests as `probability` says.
FAILING = {"action": "status", "status": 500}


#: Of the trace with exponential services.
TOKEN_S = 0.0001


def _service(median_ms: float, sigma: float = 0.0) -> dict[str, Any]:
    """Sections of a profile: one token, after a lognormal time."""
    return {
        "ttft": {"median_ms": median_ms, "sigma": sigma, "slow_share": 0, "per_1k_prompt_ms": 0},
        "length": {"median_tokens": 1, "sigma": 0},
    }


def _events(
    policy: Policy, rate: float, length_s: float, *, arrivals: str = "poisson", seed: int = 1, **sections: Any
) -> tuple[list[Event], Played]:
    told: list[Event] = []
    offer = steady_offer(rate, length_s, arrivals, seed)
    played = play(VirtualRun(policy, offer, profile(**sections), seed), told.extend)
    return told, played


def _calls(events: list[Event]) -> list[Call]:
    return [event.call for event in events if isinstance(event, CallFinished)]


def _attempts(events: list[Event]) -> list[Attempt]:
    return [event.attempt for event in events if isinstance(event, AttemptFinished)]


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


# Queues.


@pytest.mark.parametrize("sigma", [0.0, 0.5, 0.8])
def test_the_mean_wait_for_one_slot_is_that_of_pollaczek_and_khinchine(sigma: float) -> None:
    """M/G/1: W = rate E[S^2] / (2 (1 - rho)); lognormal: E[S^2] = E[S]^2 exp(sigma^2); constant: M/D/1.

    At rho = 0.5. Over 8 seeds of 20,000 calls the standard deviation of the mean wait was 2.7, 3.8 and 4.7 %.
    """
    median_s, rho = 0.1, 0.5
    mean_s = median_s * math.exp(sigma**2 / 2)
    rate = rho / mean_s
    events, _ = _events(
        PLAIN, rate, 20_000 / rate, **_service(1000 * median_s, sigma), capacity={"slots": 1, "queue": 10_000}
    )
    calls = _calls(events)
    assert {call.outcome for call in calls} == {Outcome.OK}
    waits_s = _mean([(call.end_ns - call.intended_ns) / NS for call in calls]) - mean_s
    expected_s = rate * mean_s**2 * math.exp(sigma**2) / (2 * (1 - rho))
    assert waits_s == pytest.approx(expected_s, rel=0.12)


@pytest.mark.parametrize("slots", [1, 3])
def test_every_single_wait_is_that_of_the_recursion(slots: int) -> None:
    """M/D/c: who comes first starts when the first slot is free (Lindley; Kiefer and Wolfowitz). To the
    nanosecond.
    """
    events, _ = _events(PLAIN, 9.0 * slots, 100, **_service(100), capacity={"slots": slots, "queue": 10_000})
    calls = sorted(_calls(events), key=lambda call: call.intended_ns)
    free_ns = [0] * slots
    for call in calls:
        end_ns = max(call.intended_ns, heappop(free_ns)) + NS // 10
        heappush(free_ns, end_ns)
        assert call.end_ns == end_ns
    assert len(calls) > 800


def test_the_mean_wait_for_many_slots_is_that_of_erlang_c() -> None:
    """M/M/c: W = C(c, a) / (c mu - rate), C being the share of calls that wait; a = rate / mu.

    Services are exponential with a mean of 100 ms, in tokens of 0.1 ms. Over 8 seeds of 25,000 calls the
    standard deviation of the mean wait was 7.2 %, that of the share that waits 2.6 %.
    """
    slots, rate, mean_s, count = 4, 30.0, 0.1, 25_000
    rng = np.random.default_rng(5)
    at_s = np.cumsum(rng.exponential(1 / rate, count))
    tokens = np.maximum(1, np.rint(rng.exponential(mean_s / TOKEN_S, count))).astype(int)
    rows = [TraceRow(float(at), 1, int(n)) for at, n in zip(at_s, tokens, strict=True)]
    offer = Offer(TraceSchedule(rows, 1.0), float(at_s[-1]), None, {})
    written = {
        "ttft": {"median_ms": 0, "sigma": 0, "slow_share": 0, "per_1k_prompt_ms": 0},
        "inter_token": {"mean_ms": 1000 * TOKEN_S, "cv": 0},
    }
    told: list[Event] = []
    provider = profile(**written, capacity={"slots": slots, "queue": 10_000})
    play(VirtualRun(PLAIN, offer, provider, 1), told.extend)
    calls = sorted(_calls(told), key=lambda call: call.call_id)
    assert {call.outcome for call in calls} == {Outcome.OK}
    took_s = np.array([(call.end_ns - call.intended_ns) / NS for call in calls])
    waits_s = took_s - tokens * TOKEN_S
    load = rate * mean_s
    full = load**slots / math.factorial(slots) / (1 - load / slots)
    waiting = full / (sum(load**k / math.factorial(k) for k in range(slots)) + full)
    assert float(np.mean(waits_s > 1e-6)) == pytest.approx(waiting, rel=0.06)
    assert float(waits_s.mean()) == pytest.approx(waiting / (slots / mean_s - rate), rel=0.15)


@pytest.mark.parametrize("sigma", [0.0, 0.8])
@pytest.mark.parametrize(("slots", "erlangs"), [(5, 4.0), (20, 20.0)])
def test_as_many_are_turned_away_as_erlangs_loss_formula_says(
    slots: int, erlangs: float, sigma: float
) -> None:
    """M/G/c/c: B(c, a) = (a^c / c!) / sum a^k / k!, whatever the law of the services.

    10,000 calls; B is 0.2 and 0.16: over 8 seeds the standard deviation was 2.4 to 4.6 %.
    """
    mean_s = 0.1 * math.exp(sigma**2 / 2)
    rate = erlangs / mean_s
    events, _ = _events(
        PLAIN, rate, 10_000 / rate, **_service(100, sigma), capacity={"slots": slots, "queue": 0}
    )
    calls = _calls(events)
    refused = sum(call.outcome is Outcome.OVERLOADED for call in calls) / len(calls)
    terms = [erlangs**k / math.factorial(k) for k in range(slots + 1)]
    assert refused == pytest.approx(terms[-1] / sum(terms), rel=0.13)


def test_with_a_slot_for_everybody_the_number_in_service_is_poissons() -> None:
    """M/G/infinity: mean and variance of the number in service are the offered load, here 10 erlangs.

    Looked at 1,000 times, a mean service apart, which is worth some 500 independent looks: the mean has a
    standard error of sqrt(10 / 500) = 0.14, the variance one of 10 sqrt(2 / 500) = 0.63 and a little.
    """
    mean_s = 0.1 * math.exp(0.5**2 / 2)
    events, _ = _events(PLAIN, 10 / mean_s, 1020 * mean_s, **_service(100, 0.5))
    edges = sorted(edge for call in _calls(events) for edge in ((call.intended_ns, 1), (call.end_ns, -1)))
    seen, inside, at = [], 0, 0
    for number in range(20, 1020):
        while at < len(edges) and edges[at][0] <= number * mean_s * NS:
            inside += edges[at][1]
            at += 1
        seen.append(float(inside))
    mean = _mean(seen)
    assert mean == pytest.approx(10, abs=0.5)
    assert _mean([(n - mean) ** 2 for n in seen]) == pytest.approx(10, abs=2)


def test_the_number_under_way_is_the_throughput_times_the_latency() -> None:
    """Little's law, with retries, a queue and refusals: looked at every 50 ms from start to end.

    A count at instants so close has an error of the order of one call's end a look: well under 1 %.
    """
    policy = replace(PLAIN, retry=RetryConfig(attempts=4), budget=BudgetConfig(kind="off"))
    events, played = _events(policy, 9.5, 600, **_service(1000, 0.5), capacity={"slots": 10, "queue": 10})
    calls = _calls(events)
    edges = sorted(edge for call in calls for edge in ((call.intended_ns, 1), (call.end_ns, -1)))
    looks, inside, total, at = 0, 0, 0, 0
    for instant_ns in range(0, played.end_ns, NS // 20):
        while at < len(edges) and edges[at][0] <= instant_ns:
            inside += edges[at][1]
            at += 1
        total += inside
        looks += 1
    latency_s = _mean([(call.end_ns - call.intended_ns) / NS for call in calls])
    throughput = len(calls) / (played.end_ns / NS)
    assert len(_attempts(events)) > len(calls)
    assert total / looks == pytest.approx(throughput * latency_s, rel=0.01)


# Retries.


@pytest.mark.parametrize(("probability", "attempts"), [(0.3, 3), (0.5, 4), (0.8, 6), (1.0, 3)])
def test_attempts_a_call_are_those_of_a_cut_geometric_law(probability: float, attempts: int) -> None:
    """Failing with probability p, N attempts: (1 - p^N) / (1 - p) each, and p^N of the calls fail.

    4,000 calls: the standard error of the mean is at most 2.0 / sqrt(4000) = 0.032 attempts, that of the
    share at most 0.7 %.
    """
    policy = replace(
        PLAIN, retry=RetryConfig(attempts=attempts, base_s=0.01), budget=BudgetConfig(kind="off")
    )
    events, played = _events(policy, 100, 40, request_faults=[FAILING | {"probability": probability}])
    calls = _calls(events)
    expected = sum(probability**k for k in range(attempts))
    assert len(_attempts(events)) == played.requests == sum(call.attempts for call in calls)
    assert played.requests / len(calls) == pytest.approx(expected, abs=0.1)
    failed = [call for call in calls if call.outcome is not Outcome.OK]
    assert len(failed) / len(calls) == pytest.approx(probability**attempts, abs=0.022)
    assert {call.stopped_by for call in failed} <= {StoppedBy.ATTEMPTS}


@pytest.mark.parametrize("budget", [BudgetConfig(), BudgetConfig(ratio=0.05, min_per_s=1, cap=10)])
def test_a_budget_bounds_the_amplification_and_is_used_up_in_an_outage(budget: BudgetConfig) -> None:
    """At most 1 + ratio + (cap + min_per_s T) / calls. Where everything fails, nothing of it is left over but
    what was paid back (and a deposit that found the bucket full, at the start).
    """
    policy = replace(PLAIN, retry=RetryConfig(attempts=8, base_s=0.01), budget=budget)
    events, _ = _events(policy, 100, 60, request_faults=[FAILING])
    calls, attempts = _calls(events), _attempts(events)
    span_s = (max(a.end_ns for a in attempts) - min(a.sent_ns for a in attempts)) / NS
    most = 1 + budget.ratio + (budget.cap + budget.min_per_s * span_s) / len(calls)
    assert 0.99 * most < len(attempts) / len(calls) <= most


def test_full_jitter_waits_half_its_ceiling_on_average() -> None:
    """Uniform between 0 and min(cap, base 2^(k-1)): 0.1, 0.2, 0.4, 0.5 s. So many waits that the standard
    error of each mean, ceiling / sqrt(12 n), is 1 % of its expectation: n = 3,000.
    """
    retry = RetryConfig(attempts=5, base_s=0.1, cap_s=0.5)
    policy = replace(PLAIN, retry=retry, budget=BudgetConfig(kind="off"))
    events, _ = _events(policy, 100, 30, request_faults=[FAILING])
    waits: dict[int, list[float]] = defaultdict(list)
    for event in events:
        if isinstance(event, Waited):
            waits[event.call_id].append(event.duration_ns / NS)
    assert {len(of_call) for of_call in waits.values()} == {4}
    for nth, ceiling_s in enumerate((0.1, 0.2, 0.4, 0.5)):
        drawn = [of_call[nth] for of_call in waits.values()]
        assert 0 <= min(drawn) < max(drawn) <= ceiling_s
        assert _mean(drawn) == pytest.approx(ceiling_s / 2, rel=0.035)


# Breakers.


@pytest.mark.parametrize(("probability", "threshold"), [(0.5, 4), (0.6, 5), (0.4, 3)])
def test_a_counter_trips_after_as_many_attempts_as_a_random_walk_takes(
    probability: float, threshold: int
) -> None:
    """One up with p, one down with q but not below 0: from k to k + 1 it takes D_k = 1/p + q/p D_(k-1)
    attempts, D_0 = 1/p, and a trip the sum of D_0 to D_(threshold - 1); at p = 1/2 that is k (k + 1).

    One attempt at a time (replies take none). The time to a trip deviates by less than its mean: over some
    500 trips the standard error is 4.5 %.
    """
    breaker = replace(ARTICLE.breaker, threshold=threshold, open_s=0.005, counts=("transient",))
    policy = replace(PLAIN, breaker=breaker)
    rule = FAILING | {"probability": probability}
    events, _ = _events(policy, 100, 120, arrivals="constant", request_faults=[rule])
    lengths, since = [], 0
    for event in events:
        if isinstance(event, AttemptFinished):
            since += 1
        elif isinstance(event, BreakerChanged) and event.after == "open":
            lengths.append(float(since))
            since = 0
    expected, step = 0.0, 0.0
    for _ in range(threshold):
        step = 1 / probability + (1 - probability) / probability * step
        expected += step
    assert len(lengths) > 450
    assert _mean(lengths) == pytest.approx(expected, rel=0.13)


@pytest.mark.parametrize("seed", range(5))
def test_a_breaker_closes_soon_after_an_outage_and_never_opens_for_longer_than_it_says(seed: int) -> None:
    """All fail from 10 to 40 s. Open for 2 s, doubling to at most 4, and up to a quarter more; half-open with
    the next call; closed after 5 good probes. Calls come every 50 ms.
    """
    breaker = BreakerConfig(window_s=5, min_calls=20, failure_ratio=0.5, open_s=2, max_open_s=4, probes=5)
    policy = replace(PLAIN, breaker=breaker)
    outage = FAILING | {"from_s": 10, "to_s": 40}
    events, _ = _events(policy, 20, 60, arrivals="constant", seed=seed, request_faults=[outage])
    changes = [event for event in events if isinstance(event, BreakerChanged)]
    assert changes[0].after == "open"
    # Half of the last 5 s have failed after 2.5 s, give or take a bucket of the window.
    assert 12.4 * NS < changes[0].at_ns < 13.1 * NS
    opened = [
        (later.at_ns - earlier.at_ns) / NS for earlier, later in pairwise(changes) if earlier.after == "open"
    ]
    assert 2 <= opened[0] <= 2 * 1.25 + 0.051
    assert all(4 <= open_s <= 4 * 1.25 + 0.051 for open_s in opened[1:])
    assert [change.after for change in changes[-2:]] == ["half_open", "closed"]
    # At the latest an opening that began just before the end of the outage, a call, and five probes.
    assert 40 * NS < changes[-1].at_ns < (40 + 4 * 1.25 + 0.05 + 5 * 0.05) * NS
    late = [call for call in _calls(events) if call.intended_ns > changes[-1].at_ns]
    assert {call.outcome for call in late} == {Outcome.OK}


# The same again.


def _storm(seed: int, silence_s: float) -> str:
    """A little of everything: a queue, a door, limits, an outage, faults. A digest of all that is told."""
    policy = replace(
        TUNED,
        deadline_s=None,
        attempt_timeout_s=None,
        concurrency=ConcurrencyConfig(kind="off"),
        connections=connections(read_timeout_s=silence_s, connect_timeout_s=4.0, keepalive=5, pool="httpx"),
    )
    told: list[Event] = []
    ends: list[Played] = []
    sections: dict[str, Any] = {
        **_service(400, 0.6),
        "inter_token": {"mean_ms": 20, "cv": 0.3},
        "length": {"median_tokens": 20, "sigma": 0.8},
        "limits": {"rpm": 1000, "tpm": 300_000, "window_s": 3},
        "capacity": {"slots": 20, "queue": 30, "background": [["20:00", 0.1], ["20:10", 0.5]]},
        "front": {"connections_per_s": 30, "burst": 10, "backlog": 20, "max_open": 150},
        "connection_faults": [
            {"action": "refuse", "from_s": 4, "to_s": 6},
            {"action": "reset", "probability": 0.02},
        ],
        "request_faults": [
            {"action": "hang", "probability": 0.01},
            {"action": "reset_mid", "probability": 0.02},
            {"action": "status", "status": 503, "retry_after_s": 1, "probability": 0.05},
        ],
    }
    for streamed in (False, True):
        offer = steady_offer(30, 10, "gamma", seed)
        run = VirtualRun(policy, offer, profile(**sections), seed, stream=streamed)
        ends.append(play(run, told.extend))
    seen = {attempt.selector for attempt in _attempts(told)}
    assert {"ok", "throttled.status", "overloaded.status", "transient.read", "transient.connect"} <= seen
    assert ("cancelled" in seen) is (silence_s > DRAIN_S)
    rows = [(type(event).__name__, msgspec.to_builtins(event, enc_hook=list)) for event in told]
    return sha256(repr((rows, ends)).encode()).hexdigest()


def test_the_same_run_is_the_same_to_the_byte_in_any_process() -> None:
    mine = _storm(1, 20.0)
    assert mine == _storm(1, 20.0)
    assert mine != _storm(2, 20.0)
    program = f"from {__name__} import _storm; print(_storm(1, 20.0))"
    said = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == mine


def test_the_same_run_is_the_same_to_the_byte_where_calls_outlast_the_drain() -> None:
    assert len({_storm(1, 300.0) for _ in range(3)}) == 1

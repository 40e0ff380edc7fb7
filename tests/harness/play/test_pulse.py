"""What a worker tells of a second: counts by hand, quantiles within their promise, bounds, sums."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest

from harness.model import (
    NO_TAG,
    Attempt,
    AttemptFinished,
    BreakerChanged,
    Call,
    CallFinished,
    LimitChanged,
    Outcome,
    Paused,
    StoppedBy,
    Usage,
    Waited,
)
from harness.play.pulse import (
    MOST_CHANGES,
    STEPS,
    Gate,
    Histogram,
    Pulse,
    Pulses,
    merged,
    pulse_from,
    quantile_ns,
    step_of,
)
from harness.units import NS

MS = 1_000_000
ORIGIN = 5 * NS


def _attempt(
    outcome: Outcome, sent_ms: int = 0, first_ms: int | None = None, wait_ms: int = 0
) -> AttemptFinished:
    sent_ns = ORIGIN + sent_ms * MS
    return AttemptFinished(
        Attempt(
            1,
            1,
            sent_ns,
            sent_ns + 900 * MS,
            outcome,
            first_token_ns=None if first_ms is None else sent_ns + first_ms * MS,
            permit_wait_ns=wait_ms * MS,
            usage=Usage(20, 150) if outcome is Outcome.OK else None,
        )
    )


def _call(outcome: Outcome, attempts: int, took_ms: int, late_ms: int = 0) -> CallFinished:
    stopped = None if outcome is Outcome.OK else StoppedBy.ATTEMPTS
    start_ns = ORIGIN + late_ms * MS
    return CallFinished(
        Call(1, ORIGIN, start_ns, ORIGIN + took_ms * MS, outcome, stopped, attempts, "m", NO_TAG)
    )


def _pulse(*events: object) -> Pulse:
    pulses = Pulses(ORIGIN)
    pulses.count(events)  # type: ignore[arg-type]
    return pulses.close(0, 0, [])


def _steps(*times_ms: int) -> Histogram:
    return merged({step_of(ms * MS): 1} for ms in times_ms)


def test_it_counts_what_a_call_with_a_retry_was() -> None:
    pulse = _pulse(
        _attempt(Outcome.THROTTLED, wait_ms=40),
        Waited(1, ORIGIN, 1500 * MS, Outcome.THROTTLED),
        _attempt(Outcome.OK, sent_ms=1600, first_ms=700),
        _call(Outcome.OK, 2, took_ms=2500, late_ms=3),
        _call(Outcome.REJECTED, 0, took_ms=1),
    )
    assert pulse.attempts == {"throttled": 1, "ok": 1}
    assert pulse.calls == {"ok": 1, "rejected": 1}
    assert (pulse.sent, pulse.backoff_s) == (2, 1.5)
    assert (pulse.prompt_tokens, pulse.completion_tokens) == (20, 150)
    assert pulse.latency == _steps(2500)  # of the ok call alone
    assert pulse.ttft == _steps(700)
    assert pulse.wait == _steps(40, 0)
    assert pulse.lag == _steps(3, 0)


def test_a_breaker_is_told_of_by_the_name_it_has_in_the_events_table() -> None:
    pulse = _pulse(
        BreakerChanged(ORIGIN + NS, "closed", "open"),
        LimitChanged(ORIGIN + 2 * NS, 10, 7),
        Paused(ORIGIN + 3 * NS, 4 * NS),
        BreakerChanged(ORIGIN + 4 * NS, "open", "half_open", route=1),
    )
    assert [(c.at_s, c.name, c.state) for c in pulse.changes] == [
        (1.0, "breaker", "open"),
        (4.0, "fallback_breaker", "half_open"),
    ]


def test_changes_beyond_the_bound_are_counted() -> None:
    pulse = _pulse(*(BreakerChanged(ORIGIN, "open", "half_open") for _ in range(MOST_CHANGES + 7)))
    assert (len(pulse.changes), pulse.untold) == (MOST_CHANGES, 7)


def test_a_pulse_is_given_once_its_second_is_over_and_counts_arrivals_since_the_last() -> None:
    pulses = Pulses(ORIGIN)
    gate = [Gate("open", 5, 0, 3)]
    assert pulses.take(ORIGIN - NS, 0, 0, gate) is None  # before the run's start
    assert pulses.take(ORIGIN + NS - 1, 9, 9, gate) is None
    first = pulses.take(ORIGIN + NS, 10, 4, gate)
    assert first is not None
    assert (first.second, first.scheduled, first.in_flight, first.gates) == (0, 10, 4, gate)
    assert pulses.take(ORIGIN + NS + 1, 11, 5, gate) is None
    later = pulses.take(ORIGIN + 4 * NS, 25, 5, gate)  # the hub was busy for three seconds
    assert later is not None
    assert (later.second, later.scheduled) == (1, 15)
    assert pulses.close(26, 0, gate).second == 4


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_a_quantile_is_within_its_promise(share: float) -> None:
    rng = Random(7)
    times_ns = [round(rng.lognormvariate(20.5, 0.8)) for _ in range(20_000)]
    histogram = merged({step_of(ns): 1} for ns in times_ns)
    found = quantile_ns(histogram, share)
    assert found == pytest.approx(np.quantile(times_ns, share), rel=2 ** (0.5 / STEPS) - 1 + 0.001)
    assert quantile_ns({}, share) is None


def test_a_histogram_is_bounded_from_nothing_to_a_week() -> None:
    assert step_of(0) == step_of(1) == step_of(100_000)
    assert step_of(7 * 86_400 * NS) - step_of(0) < 33 * STEPS


def test_it_travels_as_a_plain_document() -> None:
    pulse = _pulse(_attempt(Outcome.OK, first_ms=300), BreakerChanged(ORIGIN, "closed", "open"))
    pulse.gates = [Gate("open", None, 1, 2)]
    message = pulse.message()
    assert pulse_from(message) == pulse
    assert json.dumps(message)


def test_two_of_them_add_up() -> None:
    one = _pulse(_attempt(Outcome.OK, first_ms=300), _call(Outcome.OK, 1, 900), _call(Outcome.TIMEOUT, 3, 90))
    other = _pulse(_attempt(Outcome.OK, wait_ms=9), _call(Outcome.OK, 1, 900))
    one.loop_lag_s, other.loop_lag_s = 0.1, 0.3
    one.add(other)
    assert one.attempts == {"ok": 2}
    assert one.calls == {"ok": 2, "timeout": 1}
    assert one.latency == {step_of(900 * MS): 2}
    assert (one.sent, one.completion_tokens, one.loop_lag_s) == (5, 300, 0.3)

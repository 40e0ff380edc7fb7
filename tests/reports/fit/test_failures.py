"""Failures by kind, each as a client sees it."""

from pathlib import Path

import numpy as np
import pytest

from harness.model import Attempt, Fault, Outcome
from reports.fit.failures import Failures, find_failures
from reports.fit.latency import fit_latency
from tests.reports.fit import made

N = 1000


def _good(i: int) -> Attempt:
    rng = np.random.default_rng(i)
    at = 200.0 * i
    first = at + float(400 * np.exp(0.3 * rng.standard_normal()))
    output = [first + 20 * k for k in range(10)]
    return made.attempt(
        i, at, output[-1] + 20, output_ms=output, tokens=(50, 10), reason="stop", status=200, headers_ns=1
    )


def _failures(path: Path, *failed: Attempt, places: np.ndarray | None = None) -> Failures:
    attempts = [*map(_good, range(N)), *failed]
    observed = made.observed(path / "run", attempts)
    where = np.zeros(len(attempts)) if places is None else places
    latency = fit_latency(observed, where)
    return find_failures(observed, latency, np.zeros(len(attempts), dtype=np.bool_), where)


@pytest.mark.parametrize(
    ("outcome", "columns", "action", "settings"),
    [
        (Outcome.TRANSIENT, {"fault": Fault.STATUS, "status": 500}, "status", {"status": 500}),
        (
            Outcome.OVERLOADED,
            {"fault": Fault.STATUS, "status": 503, "retry_after_s": 1.5},
            "status",
            {"status": 503, "retry_after_s": 1.5},
        ),
        (Outcome.TRANSIENT, {"fault": Fault.READ}, "reset", {}),
        (Outcome.TRANSIENT, {"fault": Fault.PROTOCOL}, "garbage", {}),
        (Outcome.TRANSIENT, {"fault": Fault.READ, "status": 200, "headers_ns": 1}, "reset_mid", {}),
        (Outcome.MALFORMED, {"fault": Fault.BODY, "status": 200, "headers_ns": 1}, "half_json", {}),
        (Outcome.TIMEOUT, {"fault": Fault.READ_TIMEOUT}, "hang", {}),
        (
            Outcome.TIMEOUT,
            {"fault": Fault.FIRST_TOKEN_TIMEOUT, "status": 200, "headers_ns": 1},
            "hang_after_headers",
            {},
        ),
        (
            Outcome.PARTIAL,
            {"fault": Fault.IDLE_TIMEOUT, "status": 200, "headers_ns": 1, "output": 3},
            "stall",
            {"after_events": 3},
        ),
        (
            Outcome.PARTIAL,
            {"fault": Fault.STREAM, "status": 200, "headers_ns": 1, "code": "server_error", "output": 2},
            "stream_error",
            {"after_events": 2},
        ),
        (
            Outcome.PARTIAL,
            {"fault": Fault.STREAM, "status": 200, "headers_ns": 1, "output": 4},
            "truncate",
            {"after_events": 4},
        ),
    ],
)
def test_each_failure_is_the_rule_that_makes_it(
    tmp_path: Path, outcome: Outcome, columns: dict[str, object], action: str, settings: dict[str, object]
) -> None:
    events = int(str(columns.pop("output", 0)))
    failed = [
        made.attempt(
            N + i,
            300_000 + 50 * i,
            330_000 + 50 * i,
            outcome,
            output_ms=[300_000 + 50 * i + 400 + 20 * k for k in range(events)],
            **columns,
        )
        for i in range(10)
    ]
    (rule,) = _failures(tmp_path, *failed).requests
    assert (rule.action, rule.settings, rule.count) == (action, settings, 10)
    assert rule.probability == pytest.approx(10 / (N + 10))
    assert rule.low < rule.probability < rule.high


def test_a_rule_has_its_chance_with_those_only_that_are_left_to_it(tmp_path: Path) -> None:
    def failed(i: int, status: int) -> Attempt:
        return made.attempt(
            N + i, 300_000 + i, 300_001 + i, Outcome.TRANSIENT, fault=Fault.STATUS, status=status
        )

    first, second = _failures(
        tmp_path, *(failed(i, 500) for i in range(100)), *(failed(100 + i, 502) for i in range(50))
    ).requests
    assert (first.settings["status"], first.probability) == (500, pytest.approx(100 / 1150))
    # The mock server draws for the second only where the first was not met: 50 / 1050 of 1050 / 1150.
    assert (second.settings["status"], second.probability) == (502, pytest.approx(50 / 1050))
    assert second.rate == second.probability


def test_within_a_burst_both_rules_are_in_force(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    places = np.concatenate((np.linspace(0, 1, N), 0.4 + 0.1 * rng.random(120), rng.random(20)))
    failed = [
        made.attempt(N + i, 300_000 + i, 300_001 + i, Outcome.TRANSIENT, fault=Fault.STATUS, status=500)
        for i in range(140)
    ]
    burst, base = _failures(tmp_path, *failed, places=places).requests
    assert burst.burst is not None
    assert base.burst is None
    assert 0.35 < burst.burst.start < burst.burst.end < 0.55
    inside = 1 - (1 - burst.probability) * (1 - base.probability)
    assert inside == pytest.approx(burst.count / burst.among)


def test_what_never_reached_the_api_is_counted_apart(tmp_path: Path) -> None:
    at = 300_000
    found = _failures(
        tmp_path,
        made.attempt(N, at, at + 1, Outcome.TRANSIENT, fault=Fault.CONNECT),
        made.attempt(N + 1, at, at + 1, Outcome.TIMEOUT, fault=Fault.CONNECT_TIMEOUT),
        made.attempt(N + 2, at, at + 1, Outcome.FATAL, fault=Fault.QUOTA, status=429),
        made.attempt(N + 3, at, at + 1, Outcome.LOCAL, fault=Fault.POOL),
        made.attempt(N + 4, at, at + 1, Outcome.CANCELLED),
    )
    assert found.requests == ()
    assert (found.refused, found.connect_timeouts, found.quota) == (1, 1, 1)
    (rule,) = found.connections
    assert (rule.action, rule.count, rule.among) == ("refuse", 1, N + 1)


def test_an_attempt_that_was_given_up_early_is_no_hang(tmp_path: Path) -> None:
    # Half of them take longer than 400 ms: who leaves then need not have met anything.
    cut = [
        made.attempt(N + i, 300_000 + i, 300_400 + i, Outcome.TIMEOUT, fault=Fault.ATTEMPT_TIMEOUT)
        for i in range(30)
    ]
    assert _failures(tmp_path, *cut).requests == ()

"""Locust's statistics, told in bulk: they are what an event a call would have made of them."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from locust.event import EventHook
from locust.stats import RequestStats, StatsEntry

from harness.bridge.statistics import METHOD, Statistics
from harness.model import Call, Outcome, StoppedBy, Tag, Usage

MS = 1_000_000


def call(
    number: int, kind: str, latency_ms: float, outcome: Outcome = Outcome.OK, code: str | None = None
) -> Call:
    return Call(
        number,
        1_000,
        2_000,
        1_000 + round(latency_ms * MS),
        outcome,
        None if outcome is Outcome.OK else StoppedBy.ATTEMPTS,
        1,
        "gpt-4.1",
        Tag(number, 1_000, "shop-001", kind),
        code=code,
        usage=Usage(10, 20 + number % 3) if outcome is Outcome.OK else None,
    )


def calls_of(seed: int) -> list[Call]:
    rng = Random(seed)
    outcomes = [Outcome.OK] * 6 + [Outcome.THROTTLED, Outcome.REJECTED]
    return [
        call(
            n,
            rng.choice(["caption", "email", ""]),
            rng.lognormvariate(5, 2),
            o := rng.choice(outcomes),
            "slow_down" if o is Outcome.THROTTLED else None,
        )
        for n in range(500)
    ]


def environment(*listeners: Any) -> Any:
    request = EventHook()  # type: ignore[no-untyped-call]
    for listener in listeners:
        request.add_listener(listener)  # type: ignore[no-untyped-call]
    return SimpleNamespace(stats=RequestStats(), events=SimpleNamespace(request=request))


def shown(entry: StatsEntry) -> dict[str, Any]:
    """What does not hang on the second of the clock."""
    names = ("num_requests", "num_failures", "total_content_length", "min_response_time", "max_response_time")
    return {
        **{name: getattr(entry, name) for name in names},
        "response_times": dict(entry.response_times),
        "total": round(entry.total_response_time, 6),
        "a second": sum(entry.num_reqs_per_sec.values()),
        "failed a second": sum(entry.num_fail_per_sec.values()),
        "median": entry.median_response_time,
    }


@pytest.mark.parametrize("seed", range(3))
def test_in_bulk_or_one_by_one_the_statistics_are_the_same(seed: int) -> None:
    calls, here, there = calls_of(seed), environment(), RequestStats()
    statistics = Statistics(here)
    for start in range(0, len(calls), 70):
        statistics.add(calls[start : start + 70])
    for one in calls:
        latency_ms = (one.end_ns - one.intended_ns) / 1e6
        name = one.tag.kind or "call"
        there.log_request(METHOD, name, latency_ms, one.usage.completion_tokens if one.usage else 0)  # type: ignore[arg-type]
        if one.outcome is not Outcome.OK:
            there.log_error(METHOD, name, f"{one.outcome} ({one.code})" if one.code else str(one.outcome))

    assert shown(here.stats.total) == shown(there.total)
    assert here.stats.entries.keys() == there.entries.keys()
    for key, entry in there.entries.items():
        assert shown(here.stats.entries[key]) == shown(entry)
    errors = {(e.name, e.error): e.occurrences for e in there.errors.values()}
    assert {(e.name, e.error): e.occurrences for e in here.stats.errors.values()} == errors
    assert here.stats.errors.keys() == there.errors.keys()


def test_a_listener_of_the_users_is_told_of_every_call_and_locusts_own_is_not() -> None:
    heard: list[dict[str, Any]] = []

    def mine(**told: Any) -> None:
        # Whatever else is fired meanwhile is still heard by all.
        assert here.events.request._handlers == [locusts, mine]
        heard.append(told)

    def locusts(**_: Any) -> None:
        raise AssertionError("it would count the call a second time")

    locusts.__module__ = "locust.runners"
    here = environment(locusts, mine)

    Statistics(here).add([call(1, "caption", 12.5), call(2, "", 3.0, Outcome.THROTTLED, "slow_down")])

    assert [(t["name"], t["response_time"], t["exception"]) for t in heard] == [
        ("caption", 12.5, None),
        ("call", 3.0, "throttled (slow_down)"),
    ]
    assert here.events.request._handlers == [locusts, mine]
    assert here.stats.total.num_requests == 2


def test_nothing_ended_is_nothing_told() -> None:
    here = environment()
    Statistics(here).add([])
    assert here.stats.total.num_requests == 0

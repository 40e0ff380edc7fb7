"""Ended calls into Locust's statistics, in bulk: an event a call would cost more than the call."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from locust import stats as locust_stats
from locust.event import EventHook
from locust.stats import RequestStats, StatsEntry, StatsError

from harness.clock import wall_ns
from harness.model import Call, Outcome
from harness.units import NS

METHOD = "call"

#: Where Locust's own listener of requests is defined: it does what is done here.
_LOCUST_ITSELF = "locust.runners"


class Statistics:
    """Tells one environment of calls, by the kind of copy; response times are their call latency.

    To be used on the hub. Listeners of `events.request` other than Locust's own are called for every call;
    what they raise to stop a user (StopUser and its kind) is raised here.
    """

    def __init__(self, environment: Any) -> None:
        self._environment = environment

    def add(self, calls: list[Call]) -> None:
        """Count these calls."""
        if not calls:
            return
        self._count(self._environment.stats, calls)
        others = EventHook()  # type: ignore[no-untyped-call]
        for listener in self._environment.events.request._handlers:  # noqa: SLF001 - there is no public list
            if getattr(listener, "__module__", "") != _LOCUST_ITSELF:
                others.add_listener(listener)  # type: ignore[no-untyped-call]
        if others._handlers:  # noqa: SLF001
            _fire(others, calls)

    def _count(self, stats: RequestStats, calls: list[Call]) -> None:
        by_name: defaultdict[str, list[Call]] = defaultdict(list)
        for call in calls:
            by_name[_name(call)].append(call)
        for name, ended in by_name.items():
            batch = _entry(stats, name, ended)
            stats.entries[name, METHOD].extend(batch)
            stats.total.extend(batch)
            for why, count in Counter(w for call in ended if (w := _why(call))).items():
                _count_error(stats, name, why, count)


def _fire(hook: EventHook, calls: list[Call]) -> None:
    """An event a call, as any Locust client fires it."""
    for call in calls:
        hook.fire(  # type: ignore[no-untyped-call]
            request_type=METHOD,
            name=_name(call),
            response_time=_latency_ms(call),
            response_length=_length(call),
            exception=_why(call),
            context={},
        )


def _entry(stats: RequestStats, name: str, calls: list[Call]) -> StatsEntry:
    """What StatsEntry.log would have made of these calls, had they ended now."""
    entry = StatsEntry(stats, name, METHOD)
    now_s = wall_ns() / NS
    latencies_ms = [_latency_ms(call) for call in calls]
    failures = sum(call.outcome is not Outcome.OK for call in calls)
    entry.num_requests = len(calls)
    entry.num_failures = failures
    entry.total_response_time = sum(latencies_ms)  # type: ignore[arg-type]  # Locust adds floats, too
    entry.min_response_time = min(latencies_ms)  # type: ignore[assignment]
    entry.max_response_time = max(latencies_ms)  # type: ignore[assignment]
    entry.total_content_length = sum(map(_length, calls))
    entry.num_reqs_per_sec[int(now_s)] = len(calls)
    if failures:
        entry.num_fail_per_sec[int(now_s)] = failures
    entry.last_request_timestamp = now_s
    # By its name in the module, where users may replace it.
    entry.response_times.update(Counter(map(locust_stats.bucket_response_time, latencies_ms)))
    return entry


def _count_error(stats: RequestStats, name: str, why: str, count: int) -> None:
    key = StatsError.create_key(METHOD, name, why)
    error = stats.errors.setdefault(key, StatsError(METHOD, name, why))
    error.occurred()
    error.occurrences += count - 1


def _name(call: Call) -> str:
    return call.tag.kind or "call"


def _latency_ms(call: Call) -> float:
    return (call.end_ns - call.intended_ns) / 1e6


def _length(call: Call) -> int:
    return call.usage.completion_tokens if call.usage else 0


def _why(call: Call) -> str | None:
    """How it failed; None for one that did not."""
    if call.outcome is Outcome.OK:
        return None
    return f"{call.outcome} ({call.code})" if call.code else str(call.outcome)

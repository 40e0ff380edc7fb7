"""The counts as JSON and as Prometheus text: the same numbers for machines of two kinds."""

import math
from dataclasses import asdict
from itertools import accumulate
from typing import Any

from mockserver.clock import Clock
from mockserver.core.decide import Core
from mockserver.server.front import Front
from mockserver.server.journal import Journal
from mockserver.server.measures import BOUNDS_S, TOKEN_KINDS, Histogram, Measures
from mockserver.tables import minute_text, window_text
from mockserver.units import US_PER_S


def clock_state(core: Core, clock: Clock) -> dict[str, Any]:
    """Where the evening stands."""
    now_us = clock.now_us()
    minute = core.clock.minute(now_us)
    return {
        "window": window_text(core.clock.evening.window),
        "duration_s": core.clock.evening.duration_s,
        "elapsed_s": core.clock.elapsed_s(now_us),
        "evening": minute_text(int(minute) % 1440),
    }


def stats(core: Core, clock: Clock, journal: Journal, front: Front) -> dict[str, Any]:
    """Everything counted since the last reset. A share of null means no limit."""
    now_us = clock.now_us()
    share = core.share(now_us)
    outcomes = [
        {"path": path, "status": status, "fault": fault, "refused": refused, "count": count}
        for (path, status, fault, refused), count in sorted(journal.measures.outcomes.items(), key=repr)
    ]
    return {
        "profile": core.profile.name,
        "seed": core.seed,
        "now_us": now_us,
        "received": journal.received,
        "unread": journal.unread,
        "in_flight": journal.in_flight,
        "requests": outcomes,
        "capacity": {
            "slots": core.profile.capacity.slots,
            "share": None if math.isinf(share) else int(share),
            "background": core.background(now_us),
            "running": core.running,
            "queued": core.queued,
        },
        "connections": {"open": front.open, "waiting": front.waiting} | asdict(front.counts),
        "early": {"calls": core.policeman.early_retries, "accounts": core.policeman.early_requests},
        "clock": clock_state(core, clock),
    }


def prometheus(core: Core, journal: Journal, front: Front) -> str:
    """The text format, version 0.0.4. Counters fall to 0 at an admin reset, as at a restart."""
    lines = _requests(journal.measures) + _histograms(journal.measures)
    counts, policeman = front.counts, core.policeman
    lines += _head("tokens_total", "counter", "Tokens of generations begun; unread: their caller had left.")
    for kind in TOKEN_KINDS:
        lines.append(_sample("tokens_total", {"kind": kind}, journal.measures.tokens[kind]))
    lines += _head("early_total", "counter", "Requests before the time their caller was told to wait for.")
    for who, count in (("call", policeman.early_retries), ("account", policeman.early_requests)):
        lines.append(_sample("early_total", {"told": who}, count))
    lines += _metric("requests_in_flight", "gauge", "API requests read and not ended.", journal.in_flight)
    lines += _metric("generations_running", "gauge", "Generations that hold a slot.", core.running)
    lines += _metric("queue_depth", "gauge", "Requests that wait for a slot.", core.queued)
    lines += _metric("connections_open", "gauge", "Open connections.", front.open)
    lines += _metric("connections_accepted_total", "counter", "Connections accepted.", counts.accepted)
    lines += _metric("connections_hung_total", "counter", "Connections accepted and never read.", counts.hung)
    lines += _metric("connections_reset_total", "counter", "Connections reset on accept.", counts.reset)
    if front.waiting is not None:
        lines += _metric("connections_waiting", "gauge", "Connections in the listen backlog.", front.waiting)
    return "\n".join(lines) + "\n"


def _requests(measures: Measures) -> list[str]:
    lines = _head("requests_total", "counter", "API requests that have ended.")
    for (path, status, fault, refused), count in sorted(measures.outcomes.items(), key=repr):
        labels = {"path": path, "status": str(status or "none")}
        labels |= {"fault": fault or "", "refused": refused or ""}
        lines.append(_sample("requests_total", labels, count))
    return lines


def _histograms(measures: Measures) -> list[str]:
    name = "request_duration_seconds"
    lines = _head(name, "histogram", "From the read request to the hand-over of its last byte.")
    for (path, status), histogram in sorted(measures.duration.items()):
        lines += _histogram(name, {"path": path, "status": str(status)}, histogram)
    for name, meaning, by_path in (
        ("ttft_seconds", "From the read request to the first content event of a stream.", measures.ttft),
        ("queue_wait_seconds", "From the read request to a slot.", measures.queue_wait),
    ):
        lines += _head(name, "histogram", meaning)
        for path, histogram in sorted(by_path.items()):
            lines += _histogram(name, {"path": path}, histogram)
    return lines


def _histogram(name: str, labels: dict[str, str], histogram: Histogram) -> list[str]:
    """Cumulative buckets, as the format has them."""
    bounds = [*(f"{bound_s:g}" for bound_s in BOUNDS_S), "+Inf"]
    sums = list(accumulate(histogram.counts))
    buckets = zip(bounds, sums, strict=True)
    lines = [_sample(f"{name}_bucket", labels | {"le": bound}, count) for bound, count in buckets]
    lines.append(_sample(f"{name}_sum", labels, histogram.sum_us / US_PER_S))
    return [*lines, _sample(f"{name}_count", labels, sums[-1])]


def _metric(name: str, kind: str, help_text: str, value: float) -> list[str]:
    return [*_head(name, kind, help_text), _sample(name, {}, value)]


def _head(name: str, kind: str, help_text: str) -> list[str]:
    return [f"# HELP mockserver_{name} {help_text}", f"# TYPE mockserver_{name} {kind}"]


def _sample(name: str, labels: dict[str, str], value: float) -> str:
    text = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
    return f"mockserver_{name}{{{text}}} {value}" if text else f"mockserver_{name} {value}"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

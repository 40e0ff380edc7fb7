"""The counts as JSON and as Prometheus text: the same numbers for machines of two kinds."""

import math
from dataclasses import asdict
from typing import Any

from mockserver.clock import Clock
from mockserver.core.decide import Core
from mockserver.server.front import Front
from mockserver.server.journal import Journal
from mockserver.tables import minute_text, window_text


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
        for (path, status, fault, refused), count in sorted(journal.outcomes.items(), key=repr)
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
        "clock": clock_state(core, clock),
    }


def prometheus(core: Core, journal: Journal, front: Front) -> str:
    """The text format, version 0.0.4. Counters fall to 0 at an admin reset, as at a restart."""
    lines = [
        "# HELP mockserver_requests_total API requests that have ended.",
        "# TYPE mockserver_requests_total counter",
    ]
    for (path, status, fault, refused), count in sorted(journal.outcomes.items(), key=repr):
        labels = {"path": path, "status": status or "none", "fault": fault or "", "refused": refused or ""}
        text = ",".join(f'{name}="{_escaped(str(value))}"' for name, value in labels.items())
        lines.append(f"mockserver_requests_total{{{text}}} {count}")
    counts = front.counts
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


def _metric(name: str, kind: str, help_text: str, value: float) -> list[str]:
    return [
        f"# HELP mockserver_{name} {help_text}",
        f"# TYPE mockserver_{name} {kind}",
        f"mockserver_{name} {value}",
    ]


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

"""What a run called, and what it was allowed to spend there."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from reports.reading.run import Run
from reports.telling import words

Summary = dict[str, Any]


def section(run: Run) -> dict[str, Any]:
    """The `target` of `summary.json`."""
    target = run.manifest.target
    return {"real": run.manifest.real, **{k: target.get(k) for k in ("host", "profile", "wire", "model")}}


def budget(run: Run) -> dict[str, Any] | None:
    """The `budget` of `summary.json`; None where the run had none. A run that was cut off says no `spent`."""
    limit = run.manifest.budget
    if limit is None:
        return None
    spent = None if run.ending is None else run.ending.spent
    return {"limit": asdict(limit), "spent": None if spent is None else asdict(spent)}


def said(s: Summary) -> str:
    """That an API is real, which, and what the run spent there; empty of a mock server."""
    target = s["target"]
    if not target["real"]:
        return ""
    called = words.clean(f"REAL API {target['host']}, model {target['model']}, wire {target['wire']}")
    money = spending(s)
    return f"{called}: {money}" if money else called


def spending(s: Summary) -> str:
    """What was spent of what: $0.24 of $0.25, 136 of 300 requests; empty where nothing is known."""
    found = s["budget"]
    if found is None or found["spent"] is None:
        return ""
    limit, spent = found["limit"], found["spent"]
    parts = [
        _of(spent["usd"], limit["usd"], words.usd, ""),
        _of(spent["requests"], limit["requests"], words.count, " requests"),
        _of(spent["tokens"], limit["tokens"], words.count, " tokens"),
    ]
    ended = ", which ended the run" if spent["exhausted"] else ""
    return f"{', '.join(part for part in parts if part)} spent{ended}"


def forfeited(s: Summary) -> str:
    """What lost processes could not account for, if anything."""
    spent = (s["budget"] or {}).get("spent") or {}
    lost = spent.get("forfeited")
    if lost is None:
        return ""
    parts = [
        "" if lost["usd"] is None else words.usd(lost["usd"]),
        f"{words.count(lost['requests'])} requests",
        "" if lost["tokens"] is None else f"{words.count(lost['tokens'])} tokens",
    ]
    return f"of that, supposed of lost workers: {', '.join(part for part in parts if part)}"


def _of(spent: Any, limit: Any, show: Any, unit: str) -> str:
    if spent is None:
        return ""
    return f"{show(spent)}{unit}" if limit is None else f"{show(spent)} of {show(limit)}{unit}"

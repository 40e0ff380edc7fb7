"""Runs made by hand for one rule each: a hundred calls or more that are alike, and some that are not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.model import Attempt, AttemptFinished, BreakerChanged, Call, CallFinished
from reports.figures.objectives import DEFAULT
from reports.reading.load import read_run
from reports.reading.server_log import NAME
from reports.summary.result import summarise
from tests.reports import runs

#: A call and its attempts.
Made = tuple[Call, list[Attempt]]

Found = dict[str, dict[str, Any]]


def ok(call_id: int, due_ms: float, took_ms: float = 500, **of_call: Any) -> Made:
    """A call served by its first attempt."""
    end_ms = due_ms + took_ms
    return runs.call(call_id, due_ms, end_ms, **of_call), [runs.attempt(call_id, 1, due_ms, end_ms)]


def every(count: int, each_ms: float = 100, took_ms: float = 500) -> list[Made]:
    """So many calls, one due each time, all served."""
    return [ok(n, n * each_ms, took_ms) for n in range(count)]


def write(
    folder: Path,
    made: Iterable[Made],
    *,
    breaker: Iterable[tuple[float, str, str]] = (),
    notes: Iterable[runs.Note] = (),
    window_s: float = 20.0,
    limit: int | None = 40,
    scheduled: int | None = None,
    **of_manifest: Any,
) -> Path:
    """A run of one worker on disk. `breaker` has (seconds, from, to)."""
    folder.mkdir(parents=True, exist_ok=True)
    made = list(made)
    runs.manifest(folder, limit=limit)
    schedule = {"scenario": "primetime", "arrivals": "constant", "duration_s": window_s, "count": len(made)}
    runs.rewrite_manifest(folder, **{"schedule": schedule, **of_manifest})
    changes = [BreakerChanged(runs.ORIGIN_NS + round(at * runs.S), *states) for at, *states in breaker]
    events = [
        *(AttemptFinished(a) for _, attempts in made for a in attempts),
        *changes,
        *(CallFinished(c) for c, _ in made),
    ]
    runs.record(folder, 0, events, notes)
    runs.ending(folder, {"0": scheduled or len(made)}, arrivals_end_s=window_s)
    return folder


def found(folder: Path) -> Found:
    """What is found in a run, by key."""
    findings = summarise(read_run(folder), DEFAULT)["findings"]
    by_key = {f["key"]: f for f in findings}
    assert len(by_key) == len(findings)
    return by_key


def problems(folder: Path) -> set[str]:
    """The keys of its problems."""
    return {key for key, f in found(folder).items() if f["severity"] == "problem"}


def told(folder: Path) -> dict[str, Any]:
    """The policy as the manifest has it."""
    document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return dict(document["policy"])


def policy(folder: Path, **sections: Any) -> None:
    """Put sections into the policy that the manifest tells of."""
    of_run = told(folder)
    for name, values in sections.items():
        old = of_run["values"].get(name)
        of_run["values"][name] = {**old, **values} if isinstance(old, dict) else values
    runs.rewrite_manifest(folder, policy=of_run)


def log(folder: Path, rows: Iterable[tuple[int, int, int]], tail: str = "") -> None:
    """The server's log: (call, attempt, microseconds spent) a line, and what is left of the last one."""
    lines = [
        json.dumps({"call": c, "attempt": a, "received_us": 1000, "finished_us": 1000 + spent, "status": 200})
        for c, a, spent in rows
    ]
    (folder / NAME).write_text("".join(f"{line}\n" for line in lines) + tail, encoding="utf-8")


def through_queue(folder: Path, max_depth: int = 20) -> None:
    """Make a run one through a queue, whose one worker is the process that recorded it."""
    settings = {"max_depth": max_depth}
    used = {"server": "embedded", "name": "it", "workers": 1, "first_worker": 0, "settings": settings}
    runs.rewrite_manifest(folder, architecture="queued", queue=used)

"""What the queue of a run did, for the terminal, the page and the words under its plot."""

from __future__ import annotations

from typing import Any

from reports.drawing import page
from reports.drawing.page import Html
from reports.figures.metrics import share
from reports.summary.result import PERCENTILES, Summary
from reports.telling import words

_HEADING = ("", *PERCENTILES, "n")
_LATENCIES = (("acceptance, from intended", "acceptance_ms"), ("wait in the queue", "wait_ms"))


def lines(s: Summary) -> list[tuple[str, str, str]]:
    """Name, value and note of each line; none of a run without a queue."""
    q = s["queue"]
    if q is None:
        return []
    accepted, wait = q["acceptance_ms"], q["wait_ms"]
    return [
        (
            "accepted by the queue",
            words.count(q["accepted"]),
            f"p50 {words.latency(accepted['p50'])}, p99 {words.latency(accepted['p99'])} after it was due",
        ),
        *([("refused by the queue", words.count(q["refused"]), "it was full")] * bool(q["refused"])),
        (
            "wait in the queue",
            words.latency(wait["p50"]),
            f"p50; p95 {words.latency(wait['p95'])}, from accepted to taken up",
        ),
        ("backlog at its most", words.count(q["depth_max"]), _backlog(q)),
        *(
            [("left in the queue", words.count(q["left"]), "when its time to drain was over")]
            * bool(q["left"])
        ),
    ]


def table(s: Summary) -> Html:
    """Cards' content of the page; nothing of a run without a queue."""
    q = s["queue"]
    if q is None:
        return page.NOTHING
    rows = [
        [label, *(words.latency(q[key][p]) for p in PERCENTILES), words.count(q[key]["n"])]
        for label, key in _LATENCIES
    ]
    part = words.percent(share(q["accepted"], s["calls"]))
    facts = [
        f"{words.count(q['accepted'])} calls accepted ({part}), {words.count(q['refused'])} refused",
        f"{words.count(q['never_taken_up'])} never taken up, {words.count(q['left'])} left at the end",
        said(s),
    ]
    return page.join((page.table("The queue", _HEADING, rows), page.note("; ".join(facts))))


def said(s: Summary) -> str:
    """The backlog in words."""
    q = s["queue"]
    return f"At most {words.count(q['depth_max'])} tasks waited; {_backlog(q)}."


def _backlog(q: dict[str, Any]) -> str:
    oldest, drained = words.duration(q["oldest_max_s"]), q["drain_after_peak_s"]
    if drained == "inf":
        return f"the oldest for {oldest}; never drained"
    return f"the oldest for {oldest}; drained {words.duration(drained)} after the peak"

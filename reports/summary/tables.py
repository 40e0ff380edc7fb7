"""The tables on the page of a run."""

from __future__ import annotations

from reports.drawing import page, style
from reports.drawing.page import Html
from reports.figures.metrics import share
from reports.figures.quantiles import LEAST_SAMPLES
from reports.summary.result import PERCENTILES, Summary, latencies
from reports.telling import words

GENERATOR_HEADING = (
    "",
    "schedule lag p50",
    "p99",
    "max",
    "loop lag p50",
    "p99",
    "max",
    "CPU",
    "busiest",
    "GC pauses",
    "longest",
    "in all",
)
KINDS_HEADING = ("kind", "calls", "ok", "in time", "attempts a call", "p50", "p95")


def tables(s: Summary) -> Html:
    """All tables, as cards."""
    outcomes, faults = _counted(s["outcomes"], s["calls"]), _counted(s["attempt_faults"], s["attempts"])
    stopped = _counted(s["stopped_by"], s["calls"])
    halves = [
        page.table("Calls by outcome", ["outcome", "calls", "share"], _swatched(outcomes)),
        page.table("Attempts by outcome and fault", ["outcome", "attempts", "share"], _swatched(faults)),
        page.table("What stopped failed calls", ["stopped by", "calls", "share"], stopped),
        _details(s),
    ]
    cards = [
        page.element("div", _latencies(s), quantile_note(s), cls="card full"),
        *(page.element("div", half, cls="card") for half in halves),
        page.element("div", page.table("By kind of copy", KINDS_HEADING, _kinds(s)), cls="card full"),
        page.element("div", _generator(s), cls="card full"),
    ]
    return page.element("div", *cards, cls="tables")


def _latencies(s: Summary) -> Html:
    rows = [
        [label, *(words.latency(found[p]) for p in PERCENTILES), words.count(found["n"])]
        for label, found in latencies(s)
    ]
    return page.table("Latency", ["", *PERCENTILES, "n"], rows)


def _generator(s: Summary) -> Html:
    """Of each worker process: its lateness and what it cost."""
    rows = [
        [
            f"worker {w['worker']}",
            *(words.latency(w["schedule_lag_ms"][p]) for p in ("p50", "p99", "max")),
            *(words.latency(w["loop_lag_ms"][p]) for p in ("p50", "p99", "max")),
            *(words.percent(w["cpu"] and w["cpu"][p]) for p in ("mean", "max")),
            words.count(w["gc_pauses"]["n"]),
            *(words.latency(w["gc_pauses"][p]) for p in ("max_ms", "total_ms")),
        ]
        for w in s["generator"]["workers"]
    ]
    note = (
        "CPU: of one core, over the arrival window and in the busiest second. A generator near 100 % measures"
        " itself; a pause of its garbage collector delays everything in its process."
    )
    return page.join(
        (page.table("The generator itself", GENERATOR_HEADING, rows), page.element("p", note, cls="note"))
    )


def _details(s: Summary) -> Html:
    rows = [[f["outcome"], f["detail"], words.count(f["calls"])] for f in s["failure_details"]]
    return page.table("What failed calls said last", ["outcome", "detail", "calls"], _swatched(rows), words=1)


def _counted(counts: dict[str, int], total: int) -> list[list[str]]:
    return [
        [name, words.count(count), words.percent(share(count, total))]
        for name, count in counts.items()
        if count
    ]


def _swatched(rows: list[list[str]]) -> list[list[object]]:
    """Rows whose first cell is an outcome, as `transient` or `transient.connect`, with its colour."""
    return [
        [page.join((page.swatch(style.outcome(name.partition(".")[0])), name)), *cells]
        for name, *cells in rows
    ]


def _kinds(s: Summary) -> list[list[object]]:
    return [
        [
            kind or "–",
            words.count(k["calls"]),
            words.percent(share(k["ok"], k["calls"])),
            words.percent(share(k["good"], k["calls"])),
            words.number(share(k["attempts"], k["calls"])),
            words.latency(k["call_latency_ms"]["p50"]),
            words.latency(k["call_latency_ms"]["p95"]),
        ]
        for kind, k in s["kinds"].items()
    ]


def quantile_note(s: Summary) -> Html:
    """How percentiles were taken, and what their signs mean."""
    least = ", ".join(f"{name} {words.count(n)}" for name, (_, n) in LEAST_SAMPLES.items())
    return page.element(
        "p",
        f"Percentiles are exact: {s['quantile_definition']} quantiles of raw samples, given from this many"
        f" samples on: {least}. {words.NOTHING} means too few, {words.INFINITY} among failed calls.",
        cls="note",
    )

"""The tables on the page of a run."""

from __future__ import annotations

from typing import Any

from reports.drawing import page, style
from reports.drawing.page import Html
from reports.figures.metrics import share
from reports.figures.quantiles import LEAST_SAMPLES
from reports.summary import queue_block, steady_block
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
KINDS_HEADING = ("calls", "ok", "in time", "attempts a call", "p50", "p95", "tokens", "wasted", "cost")
OUTCOMES_HEADING = ("outcome", "calls", "attempts a call", "p50", "p95", "p99", "max", "tokens", "cost")
COST_HEADING = (
    "model",
    "attempts",
    "prompt tokens",
    "completion tokens",
    "$ a million, prompt",
    "completion",
    "cost",
    "wasted",
)


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
        page.card(_latencies(s), quantile_note(s), full=True),
        page.card(queue_block.table(s), full=True),
        page.card(steady_block.table(s), full=True),
        *(page.card(half) for half in halves),
        page.card(page.table("By kind of copy", ("kind", *KINDS_HEADING), _served(s["kinds"])), full=True),
        page.card(
            page.table("By model asked for", ("model", *KINDS_HEADING), _served(s["models"])), full=True
        ),
        page.card(page.table("How long calls took, by outcome", OUTCOMES_HEADING, _by_outcome(s)), full=True),
        page.card(_cost(s), full=True),
        page.card(_generator(s), full=True),
    ]
    return page.cards(*cards)


def _latencies(s: Summary) -> Html:
    rows = [
        [label, *(words.latency(found[p]) for p in PERCENTILES), words.count(found["n"])]
        for label, found in latencies(s)
        if found["n"]
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
        if w["cpu"] or w["loop_lag_ms"]["n"] or w["schedule_lag_ms"]["max"]  # in virtual time nothing is late
    ]
    note = (
        "CPU: of one core, over the arrival window and in the busiest second. A generator near 100 % measures"
        " itself; a pause of its garbage collector delays everything in its process."
    )
    if not rows:
        return page.NOTHING
    return page.join((page.table("The generator itself", GENERATOR_HEADING, rows), page.note(note)))


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


def _served(groups: dict[str, dict[str, Any]]) -> list[list[object]]:
    """Of each kind or model: how its calls were served, and what that took."""
    return [
        [
            name or "–",
            words.count(g["calls"]),
            words.percent(share(g["ok"], g["calls"])),
            words.percent(share(g["good"], g["calls"])),
            words.number(share(g["attempts"], g["calls"])),
            words.latency(g["call_latency_ms"]["p50"]),
            words.latency(g["call_latency_ms"]["p95"]),
            words.count(g["tokens"]["prompt"] + g["tokens"]["completion"]),
            words.count(g["tokens"]["wasted"]),
            words.usd(g["cost_usd"]),
        ]
        for name, g in groups.items()
    ]


def _by_outcome(s: Summary) -> list[list[object]]:
    rows = [
        [
            name,
            words.count(g["calls"]),
            words.number(share(g["attempts"], g["calls"])),
            *(words.latency(g["took_ms"][p]) for p in ("p50", "p95", "p99", "max")),
            words.count(g["tokens"]["prompt"] + g["tokens"]["completion"]),
            words.usd(g["cost_usd"]),
        ]
        for name, g in s["by_outcome"].items()
    ]
    return _swatched(rows)


def _cost(s: Summary) -> Html:
    """Of each model that attempts were sent to: its tokens, its price and what both come to."""
    found = s["cost_usd"]
    rows = [
        [
            name,
            words.count(m["attempts"]),
            words.count(m["prompt_tokens"]),
            words.count(m["completion_tokens"]),
            words.usd(m["usd_per_million_prompt_tokens"]),
            words.usd(m["usd_per_million_completion_tokens"]),
            words.usd(m["total"]),
            words.usd(m["wasted"]),
        ]
        for name, m in found["by_model"].items()
    ]
    note = (
        f"{words.cost_note(s)}. Prices: {found['prices']}, without discounts. Tokens as the API counted them."
    )
    return page.join((page.table("Cost", COST_HEADING, rows), page.note(note))) if rows else page.NOTHING


def quantile_note(s: Summary) -> Html:
    """How percentiles were taken, and what their signs mean."""
    least = ", ".join(f"{name} {words.count(n)}" for name, (_, n) in LEAST_SAMPLES.items())
    return page.note(
        f"Percentiles are exact: {s['quantile_definition']} quantiles of raw samples, given from this many"
        f" samples on: {least}. {words.NOTHING} means too few; {words.failures(s)}."
    )

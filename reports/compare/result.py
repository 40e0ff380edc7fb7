"""Several runs side by side: their labels, how far they are alike, and the table of their metrics."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness import terminal
from harness.prices import Prices
from reports.figures.failures import Failures
from reports.figures.metrics import share
from reports.figures.objectives import Objective
from reports.figures.totals import INFINITE
from reports.findings.compared import compared as between
from reports.findings.finding import Finding
from reports.findings.text import in_lines
from reports.reading.architecture import mixed, named
from reports.reading.run import Run
from reports.summary.result import Summary, summarise
from reports.summary.timeline import Timeline, build
from reports.telling import words
from reports.telling.text_table import table


@dataclass(frozen=True, slots=True)
class Compared:
    """One of the runs, with what is drawn and printed of it."""

    label: str
    run: Run
    summary: Summary
    timeline: Timeline


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of all runs; `best` is the index of the better run, if one is and the metric has a side."""

    name: str
    cells: tuple[str, ...]
    best: int | None


def collect(
    runs: Sequence[Run],
    objectives: Sequence[Objective],
    prices: Prices | None = None,
    failures: Failures = "infinite",
) -> list[Compared]:
    """Summaries and series of the runs, in the order given; the options are those of `summarise`."""
    return [
        Compared(label, run, summarise(run, objectives, prices, failures), build(run, objectives))
        for label, run in zip(labels(runs), runs, strict=True)
    ]


def labels(runs: Sequence[Run]) -> list[str]:
    """The policies' names; where two are equal, with seeds if these tell them apart, else numbered.

    Where some runs went through a queue, the names say which did.
    """
    names = [named(r, runs) for r in runs]
    seeded = [f"{name} seed {r.manifest.seed}" for name, r in zip(names, runs, strict=True)]
    found = []
    for i, name in enumerate(names):
        if names.count(name) == 1:
            found.append(name)
        elif all(seeded.count(s) == 1 for s, other in zip(seeded, names, strict=True) if other == name):
            found.append(seeded[i])
        else:
            found.append(f"{name} #{Counter(names[: i + 1])[name]}")
    return found


def warnings(runs: Sequence[Run], but: Sequence[str] = ()) -> list[str]:
    """What makes the runs no fair comparison, in one line; empty when they met the same evening.

    `but` are the conditions in which they may differ.
    """
    differences = []
    for name, values in conditions(runs).items():
        if name not in but and any(v != values[0] for v in values):
            shown = " / ".join(words.clean(v) for v in values)
            differences.append(name if len(shown) > _LONGEST_DIFFERENCE else f"{name} ({shown})")
    return [f"the runs differ in more than policy: {', '.join(differences)}"] if differences else []


_LONGEST_DIFFERENCE = 60


def conditions(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """What the runs met, a value a run: seed, schedule, target and generator, by their names.

    Scenarios have names of their own for the two architectures, which are compared as policies are.
    """
    own = {"scenario"} if mixed(runs) else set()
    schedules = [{k: v for k, v in r.document["schedule"].items() if k not in own} for r in runs]
    return {
        "seed": [r.manifest.seed for r in runs],
        **_each("schedule", schedules),
        "target.profile": [r.manifest.target.get("profile") for r in runs],
        "target.real": [r.manifest.real for r in runs],
        **{f"target.{key}": [_of_real(r, key) for r in runs] for key in ("host", "wire", "model")},
        **_each("generator", [r.manifest.generator for r in runs]),
    }


def _of_real(run: Run, key: str) -> Any:
    """Of a real API's run; which port a mock server had, or what it was called there, is no condition."""
    return run.manifest.target.get(key) if run.manifest.real else None


def _each(name: str, documents: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Every field of any of the documents, by its dotted name."""
    keys = dict.fromkeys(key for d in documents for key in d)
    return {f"{name}.{key}": [d.get(key) for d in documents] for key in keys}


def rows(compared: Sequence[Compared]) -> list[Row]:
    """The table: one row a metric; those of streams and of the generator's CPU where any run has them."""
    shown = list(_METRICS)
    for has, metrics in _WHERE_KNOWN:
        if any(has(c.summary) is not None for c in compared):
            shown += metrics
    if compared[0].summary["failures"] == "took":
        # Who fails fast would win.
        shown = [(name, get, show, 0 if name in _OF_ALL else side) for name, get, show, side in shown]
    return [_row(name, get, show, side, compared) for name, get, show, side in shown]


def findings(compared: Sequence[Compared], warned: Sequence[str]) -> list[Finding]:
    """What can be said between them."""
    return between([(c.label, c.run, c.summary) for c in compared], warned)


def render(compared: Sequence[Compared], warned: Sequence[str]) -> str:
    """The table for the terminal, with the warnings above and the reasons of degraded runs below."""
    lines = [f"warning: {w}" for w in warned]
    if found := findings(compared, warned):
        lines += [in_lines(found, "compare.html"), ""]
    met = words.objectives(compared[0].summary["goodput_objectives_ms"])
    heading = ["", *(words.clean(c.label) + ("*" if c.summary["degraded"] else "") for c in compared)]
    lines += [table(heading, [[r.name, *r.cells] for r in rows(compared)])]
    definition, failed = compared[0].summary["quantile_definition"], words.failures(compared[0].summary)
    note = f"Goodput: ok with {met}. Percentiles: {definition}; {failed}."
    lines += [textwrap.fill(note, terminal.columns())]
    lines += [f"{c.label}: {each}." for c in compared for each in words.missing(c.summary)]
    lines += [f"* {c.label} is degraded: {words.clean(r)}" for c in compared for r in c.summary["degraded"]]
    return "\n".join(lines)


def document(compared: Sequence[Compared], warned: Sequence[str]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "warnings": list(warned),
        "findings": [found.document() for found in findings(compared, warned)],
        "runs": [{"label": c.label, **c.summary} for c in compared],
    }


Get = Callable[[Summary], Any]


def _of(key: str) -> Get:
    return lambda s: s[key]


def _percentile(key: str, name: str) -> Get:
    return lambda s: s[key] and s[key][name]


def _queued(key: str) -> Get:
    return lambda s: s["queue"] and s["queue"][key]


def _queued_percentile(key: str, name: str) -> Get:
    return lambda s: s["queue"] and s["queue"][key][name]


def _stretch(seconds: float | str | None) -> str:
    return (
        words.INFINITY if seconds == INFINITE else words.duration(None if seconds is None else float(seconds))
    )


def _share_of_calls(part: Get) -> Get:
    return lambda s: share(part(s), s["calls"])


# Which side of a metric is the better one: +1 more, -1 less, 0 neither.
Metric = tuple[str, Get, Callable[[Any], str], int]

_METRICS: tuple[Metric, ...] = (
    ("calls", _of("calls"), words.count, 0),
    ("offered /s", _of("offered_rate"), words.number, 0),
    ("throughput /s", _of("request_throughput"), words.number, 1),
    ("goodput /s", _of("request_goodput"), words.number, 1),
    ("calls in time", _share_of_calls(_of("good_calls")), words.percent, 1),
    ("calls ok", _share_of_calls(lambda s: s["outcomes"]["ok"]), words.percent, 1),
    ("call latency p50, ok", _percentile("call_latency_ms", "p50"), words.latency, 0),
    ("call latency p95, ok", _percentile("call_latency_ms", "p95"), words.latency, 0),
    ("call latency p99, ok", _percentile("call_latency_ms", "p99"), words.latency, 0),
    ("call latency p50, all", _percentile("call_latency_all_ms", "p50"), words.latency, -1),
    ("call latency p95, all", _percentile("call_latency_all_ms", "p95"), words.latency, -1),
    ("amplification", _of("amplification"), words.number, 0),
    ("shed", _of("shed_rate"), words.percent, 0),
    ("breaker open", _of("breaker_open_fraction"), words.percent, 0),
    ("wasted tokens", lambda s: s["tokens"]["wasted"], words.count, -1),
    ("cost of a good call", lambda s: s["cost_usd"]["per_good_call"], words.usd, -1),
    ("schedule lag p99", _percentile("schedule_lag_ms", "p99"), words.latency, 0),
)

#: Those in which failed calls stand, too.
_OF_ALL = ("call latency p50, all", "call latency p95, all")

#: Rows that not every run has, and what tells whether one does.
_WHERE_KNOWN: tuple[tuple[Get, tuple[Metric, ...]], ...] = (
    (
        _of("ttft_ms"),
        (
            ("ttft p50, ok", _percentile("ttft_ms", "p50"), words.latency, 0),
            ("ttft p95, ok", _percentile("ttft_ms", "p95"), words.latency, 0),
            ("itl p50, ok", _percentile("itl_ms", "p50"), words.latency, 0),
            ("itl p99, ok", _percentile("itl_ms", "p99"), words.latency, 0),
            ("tpot p50, ok", _percentile("tpot_ms", "p50"), words.latency, 0),
        ),
    ),
    (
        _of("queue"),
        (
            ("acceptance p50", _queued_percentile("acceptance_ms", "p50"), words.latency, 0),
            ("acceptance p99", _queued_percentile("acceptance_ms", "p99"), words.latency, 0),
            ("refused by the queue", _queued("refused"), words.count, 0),
            ("wait in the queue p50", _queued_percentile("wait_ms", "p50"), words.latency, 0),
            ("wait in the queue p95", _queued_percentile("wait_ms", "p95"), words.latency, 0),
            ("backlog at its most", _queued("depth_max"), words.count, 0),
            ("drained after the peak", _queued("drain_after_peak_s"), _stretch, 0),
        ),
    ),
    (
        lambda s: s["generator"]["cpu"],
        (
            (
                "generator cpu",
                lambda s: s["generator"]["cpu"] and s["generator"]["cpu"]["mean"],
                words.percent,
                0,
            ),
        ),
    ),
)


def _row(name: str, get: Get, show: Callable[[Any], str], side: int, compared: Sequence[Compared]) -> Row:
    values = [get(c.summary) for c in compared]
    return Row(name, tuple(show(v) for v in values), _best(values, side))


def _best(values: Sequence[Any], side: int) -> int | None:
    """The index of the one best value; None where there is no better side, a gap or a tie."""
    if side == 0 or any(v is None for v in values):
        return None
    sided = [side * float(v) for v in values]
    return sided.index(max(sided)) if sided.count(max(sided)) == 1 else None

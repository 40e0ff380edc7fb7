"""The page of one run."""

from __future__ import annotations

from collections.abc import Sequence

from reports.drawing import page
from reports.drawing.page import Html, Part
from reports.figures.formulas import FORMULAS
from reports.figures.metrics import share
from reports.figures.objectives import Objective
from reports.findings.finding import recalled
from reports.findings.page import how_drawn, section
from reports.findings.rules import in_words
from reports.reading.run import Run
from reports.summary import target
from reports.summary.configuration import configuration
from reports.summary.panels import figures
from reports.summary.result import Summary
from reports.summary.tables import quantile_note, tables
from reports.summary.timeline import build
from reports.telling import words


def render(run: Run, objectives: Sequence[Objective], summary: Summary) -> str:
    """The self-contained page of a run, from its summary under the same objectives."""
    timeline = build(run, objectives)
    return page.document(
        f"{summary['scenario']} · {summary['policy']['name']}",
        [
            _header(run, summary),
            page.banner("This run is degraded: read its numbers with these in mind", summary["degraded"]),
        ],
        [
            Part("findings", "Findings", section(recalled(summary["findings"]))),
            Part("glance", "At a glance", _headlines(summary)),
            Part("pictures", "Pictures", page.plots(figures(run, timeline, summary))),
            Part("numbers", "Numbers", tables(summary)),
            Part("configuration", "Configuration", configuration(run)),
            Part(
                "formulas",
                "Formulas",
                page.join(
                    [
                        page.folded(
                            "What each number is", page.definitions(FORMULAS), quantile_note(summary)
                        ),
                        how_drawn(in_words()),
                    ]
                ),
            ),
        ],
        f"primetime · {summary['run']}",
    )


def _header(run: Run, s: Summary) -> Html:
    schedule = run.manifest.schedule
    facts = [
        *([target.said(s)] if s["target"]["real"] else []),
        f"policy {s['policy']['name']}",
        f"{words.duration(s['duration_s'])} of arrivals"
        + (f" for {schedule.window}" if schedule.window else ""),
        f"{schedule.arrivals} arrivals" + (f", peak {schedule.peak_rps:g}/s" if schedule.peak_rps else ""),
        f"seed {s['seed']}",
        _plural(run.manifest.workers, "worker"),
        "in virtual time"
        if run.manifest.generator.get("virtual")
        else f"started {run.manifest.started.replace('T', ' ')[:19]} UTC",
    ]
    title = f"{s['scenario']} with {s['policy']['name']}"
    shown = [page.element("span", fact) for fact in facts]
    if s["target"]["real"]:
        shown[0] = page.element("span", page.element("strong", facts[0]))
    return page.header(title, *shown)


def _headlines(s: Summary) -> Html:
    ok, latency, every = s["outcomes"]["ok"], s["call_latency_ms"], s["call_latency_all_ms"]
    met = words.goodput(s).replace("call_latency ≤", "within")
    calls = s["calls"]
    shown = [
        (
            "Goodput",
            words.number(s["request_goodput"]),
            "/s",
            f"of {words.number(s['offered_rate'])} /s offered; ok {met}",
        ),
        ("Calls ok", words.percent(share(ok, calls)), "", f"{words.count(ok)} of {words.count(calls)}"),
        (
            "Call latency p95",
            words.latency(latency["p95"]),
            "",
            f"ok calls; p50 {words.latency(latency['p50'])}. Of all calls, p95 {words.latency(every['p95'])}",
        ),
        (
            "Attempts a call",
            words.number(s["amplification"]),
            "",
            f"{words.count(s['attempts'])} requests to the API",
        ),
        ("Shed", words.percent(s["shed_rate"]), "", "of calls rejected before any attempt"),
        ("Breaker open", words.percent(s["breaker_open_fraction"]), "", "of the workers' time"),
        (
            "Cost of a good call",
            words.usd(s["cost_usd"]["per_good_call"]),
            "",
            _spent(s),
        ),
        (
            "Schedule lag, max",
            words.latency(s["schedule_lag_ms"]["max"]),
            "",
            f"p99 {words.latency(s['schedule_lag_ms']['p99'])}: the generator's own lateness",
        ),
    ]
    return page.headlines(shown)


def _spent(s: Summary) -> str:
    cost, tokens = s["cost_usd"], s["tokens"]
    total = tokens["prompt"] + tokens["completion"]
    paid = words.unpriced(cost["unpriced"]) or f"{words.usd(cost['total'])} in all"
    if budget := target.spending(s):
        paid = f"{paid}; budget: {budget}"
    return f"{paid}; {words.percent(share(tokens['wasted'], total))} of {words.count(total)} tokens wasted"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

"""The summary of a run for the terminal."""

from __future__ import annotations

import textwrap
from typing import Any

from harness import terminal
from reports.figures.metrics import share
from reports.findings.finding import recalled
from reports.findings.text import in_lines
from reports.summary import queue_block, steady_block, target
from reports.summary.result import PERCENTILES, Summary, latencies
from reports.telling import words
from reports.telling.text_table import table

LABEL_WIDTH = 23


def render(summary: Summary) -> str:
    """A compact report, at most 100 columns wide where names are of ordinary length."""
    parts = [
        _heading(summary),
        *_findings(summary),
        _rates(summary),
        _outcomes(summary),
        _latencies(summary),
        steady_block.lines(summary),
    ]
    return "\n\n".join(parts)


def _heading(s: Summary) -> str:
    policy = s["policy"]["name"]
    lines = [
        words.clean(s["run"]),
        words.clean(f"{s['scenario']} · policy {policy} · seed {s['seed']} · arrivals for")
        + f" {words.duration(s['duration_s'])}",
    ]
    lines += [target.said(s)] if s["target"]["real"] else []
    lines += [f"DEGRADED: {words.clean(reason)}" for reason in s["degraded"]]
    return "\n".join(lines)


def _findings(s: Summary) -> list[str]:
    """The first of them; none of none."""
    found = recalled(s["findings"])
    return [in_lines(found, "summary.json")] if found else []


def _rates(s: Summary) -> str:
    spent = s["tokens"]
    total = spent["prompt"] + spent["completion"]
    wasted = share(spent["wasted"], total)
    met = words.objectives(s["goodput_objectives_ms"])
    good = share(s["good_calls"], s["calls"])
    never = words.unmet(s)
    rows = [
        ("offered", f"{words.number(s['offered_rate'])} /s", f"{words.count(s['calls'])} calls recorded"),
        ("request throughput", f"{words.number(s['request_throughput'])} /s", "ok calls"),
        (
            "request goodput",
            f"{words.number(s['request_goodput'])} /s",
            f"ok with {met}: {words.percent(good)} of calls",
        ),
        *([("", "", never)] if never else []),
        ("amplification", words.number(s["amplification"]), f"{words.count(s['attempts'])} attempts"),
        ("shed rate", words.percent(s["shed_rate"]), "rejected before any attempt"),
        ("breaker open", words.percent(s["breaker_open_fraction"]), "of the workers' time"),
        ("wasted tokens", words.count(spent["wasted"]), f"{words.percent(wasted)} of {words.count(total)}"),
        ("cost", words.usd(s["cost_usd"]["total"]), words.cost_note(s)),
        *_budget(s),
        ("in flight at end", words.count(s["in_flight_at_end"]), "scheduled but not recorded"),
        *queue_block.lines(s),
        *_generator(s["generator"]),
    ]
    return "\n".join(f"{name:<{LABEL_WIDTH}}  {value:>10}  {note}".rstrip() for name, value, note in rows)


def _budget(s: Summary) -> list[tuple[str, str, str]]:
    """What was spent of it; nothing where there was none."""
    found = target.spending(s)
    lost = target.forfeited(s)
    return [row for row in (("budget", "", found), ("", "", lost)) if row[2]]


def _generator(g: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The generator's own profile; nothing where a run is too short to have one."""
    if g["cpu"] is None:
        return []
    paused = g["gc_pauses"]
    longest = f"longest {words.latency(paused['max_ms'])}, {words.latency(paused['total_ms'])} in all"
    note = f"of a core, the busiest worker; {words.percent(g['cpu']['max'])} in its busiest second"
    return [
        ("generator cpu", words.percent(g["cpu"]["mean"]), note),
        ("generator gc pauses", words.count(paused["n"]), longest if paused["n"] else ""),
    ]


def _outcomes(s: Summary) -> str:
    names = [n for n in s["outcomes"] if s["outcomes"][n] or s["attempt_outcomes"].get(n)]
    total = max(s["calls"], 1)
    rows = [
        [
            words.clean(name),
            words.count(s["outcomes"][name]),
            words.percent(s["outcomes"][name] / total),
            words.count(s["attempt_outcomes"].get(name, 0)),
        ]
        for name in names
    ]
    return table(["outcome", "calls", "share", "attempts"], rows, first_width=LABEL_WIDTH)


def _latencies(s: Summary) -> str:
    rows = [
        [label, *(words.latency(found[p]) for p in PERCENTILES), words.count(found["n"])]
        for label, found in latencies(s)
    ]
    note = (
        f"Percentiles: exact {s['quantile_definition']} quantiles of raw samples;"
        f" {words.NOTHING} too few samples; {words.failures(s)}."
    )
    heading = ["latency", *PERCENTILES, "n"]
    return table(heading, rows, first_width=LABEL_WIDTH) + "\n" + textwrap.fill(note, terminal.columns())

"""The summary of a run: every number that any output prints, computed once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.prices import Prices, shipped
from reports.errors import OutputError
from reports.figures import breakdowns, checks, cost, generator, metrics, quantiles, queueing
from reports.figures.failures import Failures, took_ms
from reports.figures.objectives import Objective
from reports.figures.totals import Totals, finite, percentiles
from reports.findings import find
from reports.reading.run import NS_PER_S, Run
from reports.summary import steadiness, target

Summary = dict[str, Any]

#: The latencies that are printed, and their keys; null where the run has no such thing, as streams.
LATENCIES = (
    ("call latency, ok calls", "call_latency_ms"),
    ("call latency, all calls", "call_latency_all_ms"),
    ("e2el, last attempt", "e2el_ms"),
    ("ttft, to first token", "ttft_ms"),
    ("itl, between events", "itl_ms"),
    ("tpot, per token", "tpot_ms"),
    ("permit wait", "permit_wait_ms"),
    ("backoff", "backoff_ms"),
    ("schedule lag", "schedule_lag_ms"),
    ("event loop lag", "loop_lag_ms"),
)
PERCENTILES = (*quantiles.LEAST_SAMPLES, "mean", "max")

MOST_DETAILS = 12


def summarise(
    run: Run,
    objectives: Sequence[Objective],
    prices: Prices | None = None,
    failures: Failures = "infinite",
) -> Summary:
    """The document of `summary.json`. Latencies are milliseconds, rates are a second of arrival window.

    Costs are by `prices`, or by the table that ships. `failures` says how failed calls count in
    `call_latency_all_ms`: as infinite, or by how long they took.
    """
    manifest, totals = run.manifest, Totals(objectives)
    good = totals.add(run, whole=True)
    priced, ledger = prices or shipped(), cost.Ledger(run)
    figures = totals.figures(offered=_offered(run), clients=manifest.clients, window_ns=run.window_ns)
    if failures == "took":
        figures["call_latency_all_ms"] = percentiles(took_ms(run.calls))
    summary = {
        "run": manifest.run,
        "scenario": manifest.scenario,
        "seed": manifest.seed,
        "policy": run.document["policy"],
        "target": target.section(run),
        "budget": target.budget(run),
        "degraded": checks.degraded(run),
        "duration_s": run.window_s,
        "in_flight_at_end": checks.in_flight_at_end(run),
        **figures,
        "failures": failures,
        "cost_usd": cost.document(ledger.used(), int(np.count_nonzero(good)), priced),
        "steady": steadiness.section(run, failures),
        "queue": queueing.document(run),
        "generator": _generator(run),
        "kinds": breakdowns.by_kind(run, good, ledger, priced),
        "models": breakdowns.by_model(run, good, ledger, priced),
        "by_outcome": breakdowns.by_outcome(run, ledger, priced),
        "failure_details": _failure_details(run),
        "drain_s": None
        if run.ending is None
        else (run.ending.end_ns - run.ending.arrivals_end_ns) / NS_PER_S,
    }
    summary["findings"] = [found.document() for found in find(run, summary)]
    return summary


def latencies(summary: Summary) -> list[tuple[str, dict[str, Any]]]:
    """Those of `LATENCIES` that the run has, by their labels."""
    return [(label, summary[key]) for label, key in LATENCIES if summary[key] is not None]


def write(summary: Summary, folder: Path) -> Path:
    """Write `summary.json` into the run's folder. Raises OutputError where that fails."""
    return save(folder / "summary.json", to_json(summary).encode())


def to_json(document: Any) -> str:
    """The one JSON form of our documents."""
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def save(path: Path, data: bytes) -> Path:
    """Write a file whole or not at all. Raises OutputError naming the path."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def _offered(run: Run) -> int:
    return len(run.calls) if run.ending is None else sum(run.ending.scheduled.values())


def _generator(run: Run) -> dict[str, Any]:
    """The generator's own profile: `cpu` is the busiest worker's, in fractions of a core; null unrecorded.

    `workers` holds the same of each, with its lags.
    """
    cpu = generator.cpu(generator.busy(run.events), run.window_ns)
    return {
        "cpu": _cpu(generator.busiest(cpu)),
        "gc_pauses": _pauses(generator.pauses(run.events)),
        "workers": [
            {
                "worker": worker,
                "cpu": _cpu(next((c for c in cpu if c.worker == worker), None)),
                "gc_pauses": _pauses(generator.pauses(run.events, worker)),
                "schedule_lag_ms": percentiles(
                    metrics.schedule_lag_ms(run.calls)[run.calls.worker == worker]
                ),
                "loop_lag_ms": percentiles(metrics.loop_lag_ms(run.events, worker)),
            }
            for worker in range(run.manifest.workers)
        ],
    }


def _cpu(found: generator.Cpu | None) -> dict[str, float | None] | None:
    return None if found is None else {"mean": found.mean, "max": found.peak}


def _pauses(found: generator.Pauses) -> dict[str, Any]:
    return {"n": found.n, "total_ms": finite(found.total_ms), "max_ms": finite(found.max_ms)}


def _failure_details(run: Run) -> list[dict[str, Any]]:
    """What failed calls said last, most frequent first."""
    failed = ~run.ok
    pairs = run.calls.outcome[failed].with_each(run.calls.detail[failed], lambda o, d: f"{o}\0{d}")
    most = list(metrics.counts(pairs).items())[:MOST_DETAILS]
    return [
        {"outcome": outcome, "detail": detail, "calls": count}
        for (outcome, _, detail), count in ((key.partition("\0"), count) for key, count in most)
    ]

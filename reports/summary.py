"""The summary of a run: every number that any output prints, computed once."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.model import Outcome
from reports import breaker, checks, generator, metrics, quantiles, streams
from reports.errors import OutputError
from reports.objectives import Objective
from reports.run import NS_PER_MS, NS_PER_S, Floats, Run

Summary = dict[str, Any]

#: JSON has no Infinity; a percentile that reaches into the failures is this word.
INFINITE = "inf"

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

ATTEMPT_OUTCOMES = tuple(str(o) for o in Outcome if o is not Outcome.REJECTED)
MOST_DETAILS = 12


def summarise(run: Run, objectives: Sequence[Objective]) -> Summary:
    """The document of `summary.json`. Latencies are milliseconds, rates are a second of arrival window."""
    calls, attempts, manifest = run.calls, run.attempts, run.manifest
    ok, good = run.ok, metrics.good(run, objectives)
    spent, streamed = metrics.tokens(run), streams.recorded(run)
    return {
        "run": manifest.run,
        "scenario": manifest.scenario,
        "seed": manifest.seed,
        "policy": run.document["policy"],
        "degraded": checks.degraded(run),
        "duration_s": run.window_s,
        "calls": len(calls),
        "attempts": len(attempts),
        "outcomes": metrics.counts(calls.outcome, tuple(Outcome)),
        "attempt_outcomes": metrics.counts(attempts.outcome, ATTEMPT_OUTCOMES),
        "attempt_faults": metrics.counts(metrics.selectors(attempts.outcome, attempts.fault)),
        "stopped_by": metrics.counts(calls.stopped_by[~ok]),
        "in_flight_at_end": checks.in_flight_at_end(run),
        "offered_rate": metrics.per_s(_offered(run), run.window_s),
        "request_throughput": metrics.per_s(int(ok.sum()), run.window_s),
        "request_goodput": metrics.per_s(int(good.sum()), run.window_s),
        "good_calls": int(good.sum()),
        "goodput_objectives_ms": {o.metric: o.limit_ms for o in objectives},
        "amplification": metrics.amplification(run),
        "shed_rate": metrics.shed_rate(run),
        "breaker_open_fraction": breaker.open_fraction(run.events, manifest.workers, run.window_ns),
        "quantile_definition": quantiles.DEFINITION,
        "call_latency_ms": _percentiles(metrics.call_latency_ms(calls)),
        "call_latency_all_ms": _percentiles(metrics.call_latency_all_ms(calls)),
        "e2el_ms": _percentiles(metrics.e2el_ms(run)),
        "permit_wait_ms": _percentiles(calls.permit_wait_ns / NS_PER_MS),
        "backoff_ms": _percentiles(calls.backoff_ns / NS_PER_MS),
        "schedule_lag_ms": _percentiles(metrics.schedule_lag_ms(calls)),
        "loop_lag_ms": _percentiles(metrics.loop_lag_ms(run.events)),
        "ttft_ms": _percentiles(streams.ttft_ms(run)) if streamed else None,
        "itl_ms": _percentiles(streams.itl_ms(run)) if streamed else None,
        "tpot_ms": _percentiles(streams.tpot_ms(run)) if streamed else None,
        "generator": _generator(run),
        "tokens": {"prompt": spent.prompt, "completion": spent.completion, "wasted": spent.wasted},
        "kinds": _kinds(run, good),
        "failure_details": _failure_details(run),
        "drain_s": None
        if run.ending is None
        else (run.ending.end_ns - run.ending.arrivals_end_ns) / NS_PER_S,
    }


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


def _percentiles(samples: Floats) -> dict[str, float | int | str | None]:
    return {name: _finite(value) for name, value in quantiles.percentiles(samples).items()}


def _finite(value: float | None) -> float | int | str | None:
    if value is None or isinstance(value, int):
        return value
    # Six decimals of a millisecond are the nanosecond that was recorded.
    return INFINITE if math.isinf(value) else round(value, 6)


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
                "schedule_lag_ms": _percentiles(
                    metrics.schedule_lag_ms(run.calls)[run.calls.worker == worker]
                ),
                "loop_lag_ms": _percentiles(metrics.loop_lag_ms(run.events, worker)),
            }
            for worker in range(run.manifest.workers)
        ],
    }


def _cpu(found: generator.Cpu | None) -> dict[str, float | None] | None:
    return None if found is None else {"mean": found.mean, "max": found.peak}


def _pauses(found: generator.Pauses) -> dict[str, Any]:
    return {"n": found.n, "total_ms": _finite(found.total_ms), "max_ms": _finite(found.max_ms)}


def _kinds(run: Run, good: Any) -> dict[str, dict[str, Any]]:
    """The figures a reader compares between kinds of copy."""
    latency = metrics.call_latency_all_ms(run.calls)
    table = {}
    for kind, count in metrics.counts(run.calls.kind).items():
        mine = run.calls.kind == kind
        table[kind] = {
            "calls": count,
            "ok": int(np.count_nonzero(run.ok & mine)),
            "good": int(np.count_nonzero(good & mine)),
            "attempts": int(run.calls.attempts[mine].sum()),
            "call_latency_ms": _percentiles(latency[mine & run.ok]),
        }
    return table


def _failure_details(run: Run) -> list[dict[str, Any]]:
    """What failed calls said last, most frequent first."""
    failed = ~run.ok
    pairs = np.array(
        [f"{o}\0{d}" for o, d in zip(run.calls.outcome[failed], run.calls.detail[failed], strict=True)],
        dtype=object,
    )
    found = metrics.counts(pairs)
    most = list(found.items())[:MOST_DETAILS]
    return [
        {"outcome": outcome, "detail": detail, "calls": count}
        for (outcome, _, detail), count in ((key.partition("\0"), count) for key, count in most)
    ]

"""The percentiles of `summary.json` by polars, from the same columns of the same files."""

from pathlib import Path
from typing import Any

import polars as pl

from reports.figures.quantiles import LEAST_SAMPLES

NS_PER_MS = 1_000_000

CALLS = (
    "call_id",
    "worker",
    "kind",
    "model",
    "intended_ns",
    "start_ns",
    "end_ns",
    "outcome",
    "stopped_by",
    "attempts",
    "permit_wait_ns",
    "backoff_ns",
    "detail",
)
ATTEMPTS = (
    "call_id",
    "attempt",
    "sent_ns",
    "output_ns",
    "end_ns",
    "outcome",
    "fault",
    "prompt_tokens",
    "completion_tokens",
    "route",
)
EVENTS = ("worker", "at_ns", "name", "text", "value")


def summary(folder: Path) -> dict[str, Any]:
    """`{"call_latency_ms": {"p50", ..., "mean", "max", "n"}, ...}`, as `summary.json` has them."""
    calls = _read(folder, "calls", CALLS)
    took = pl.col("end_ns") - pl.col("intended_ns")
    ok = pl.col("outcome") == "ok"
    found = {
        "call_latency_ms": _percentiles(calls.filter(ok).select(took / NS_PER_MS)),
        "call_latency_all_ms": _percentiles(
            calls.select(pl.when(ok).then(took / NS_PER_MS).otherwise(float("inf")))
        ),
        "permit_wait_ms": _percentiles(calls.select(pl.col("permit_wait_ns") / NS_PER_MS)),
        "backoff_ms": _percentiles(calls.select(pl.col("backoff_ns") / NS_PER_MS)),
        "schedule_lag_ms": _percentiles(
            calls.select((pl.col("start_ns") - pl.col("intended_ns")) / NS_PER_MS)
        ),
        "outcomes": dict(calls["outcome"].value_counts().iter_rows()),
        "kinds": {
            kind: {"call_latency_ms": _percentiles(mine.filter(ok).select(took / NS_PER_MS))}
            for (kind,), mine in calls.group_by("kind")
        },
    }
    served = calls.filter(ok).select("call_id")
    del calls
    attempts = _read(folder, "attempts", ATTEMPTS)
    ordered = attempts.sort("call_id", "attempt")
    last = ordered.filter((pl.col("call_id") != pl.col("call_id").shift(-1)).fill_null(value=True))
    e2el = last.join(served, on="call_id").select((pl.col("end_ns") - pl.col("sent_ns")) / NS_PER_MS)
    events = _read(folder, "events", EVENTS)
    lags = events.filter(pl.col("name") == "loop_lag").select(pl.col("value") * 1000)
    return {**found, "e2el_ms": _percentiles(e2el), "loop_lag_ms": _percentiles(lags)}


def _read(folder: Path, table: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """All workers' rows."""
    paths = sorted(folder.glob(f"{table}-*.arrow"))
    return pl.concat([pl.read_ipc_stream(path, columns=list(columns)) for path in paths])


def _percentiles(samples: pl.DataFrame) -> dict[str, Any]:
    """Of the only column; None where there are too few for a percentile. Infinite is "inf"."""
    values = samples.to_series()
    found = {
        name: values.quantile(q, interpolation="linear") if len(values) >= least else None
        for name, (q, least) in LEAST_SAMPLES.items()
    }
    found |= {"mean": values.mean(), "max": values.max()}
    told = {name: "inf" if value == float("inf") else value for name, value in found.items()}
    return {**told, "n": len(values)}

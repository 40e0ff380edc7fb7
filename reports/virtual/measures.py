"""What a cell is judged by: one number of its figures, with its unit and its better side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.figures.quantiles import LEAST_SAMPLES
from reports.figures.totals import INFINITE, finite
from reports.virtual.cell import Figures

_LATENCIES = ("call_latency", "call_latency_all", "e2el", "ttft", "itl", "tpot", "permit_wait", "backoff")
_STATISTICS = (*LEAST_SAMPLES, "mean", "max")


@dataclass(frozen=True, slots=True)
class Measure:
    """`side` is 1 where more is better, -1 where less is. `unit` is "s", "/s", "%" (of a share) or empty.

    Latencies and times are in seconds. `of` gives nan where there is no such thing, or too few samples.
    """

    name: str
    unit: str
    side: int
    of: Callable[[Figures], float]

    def mean(self, cells: Sequence[Figures]) -> float:
        """Over the seeds of a setting; infinite if it is so for any, nan if it cannot be told for one."""
        return float(np.mean([self.of(cell) for cell in cells]))


def _share(part: str) -> Callable[[Figures], float]:
    return lambda cell: cell[part] / cell["calls"] if cell["calls"] else math.nan


def _ok_share(cell: Figures) -> float:
    return cell["outcomes"]["ok"] / cell["calls"] if cell["calls"] else math.nan


def _plain(key: str) -> Callable[[Figures], float]:
    return lambda cell: number(cell[key])


def _tokens(cell: Figures) -> float:
    if cell["billed_tokens"] is None:
        return math.nan
    return cell["billed_tokens"] / cell["good_calls"] if cell["good_calls"] else math.inf


_PLAIN = (
    Measure("goodput", "/s", 1, _plain("request_goodput")),
    Measure("good_share", "%", 1, _share("good_calls")),
    Measure("throughput", "/s", 1, _plain("request_throughput")),
    Measure("ok_share", "%", 1, _ok_share),
    Measure("amplification", "", -1, _plain("amplification")),
    Measure("shed_rate", "%", -1, _plain("shed_rate")),
    Measure("breaker_open_fraction", "%", -1, _plain("breaker_open_fraction")),
    Measure("tokens_per_good_call", "", -1, _tokens),
    Measure("wasted_tokens", "", -1, lambda cell: float(cell["tokens"]["wasted"])),
    Measure("time_to_recover", "s", -1, _plain("time_to_recover_s")),
)


def _latency(name: str, statistic: str) -> Measure:
    def of(cell: Figures) -> float:
        found = cell[f"{name}_ms"]
        return math.nan if found is None else number(found[statistic]) / 1000

    return Measure(f"{name}.{statistic}", "s", -1, of)


def _queue(name: str, unit: str, of: Callable[[Figures], Any]) -> Measure:
    """Of the queue: nan where callers call themselves."""

    def found(cell: Figures) -> float:
        return number(of(cell["queue"])) if cell.get("queue") else math.nan

    return Measure(name, unit, -1, found)


def _wait(statistic: str) -> Measure:
    def of(queue: Figures) -> float:
        return number(queue["wait_ms"][statistic]) / 1000

    return _queue(f"queue_wait.{statistic}", "s", of)


_QUEUED = (
    _queue("depth_max", "", lambda queue: queue["depth_max"]),
    _queue("drain_after_peak", "s", lambda queue: queue["drain_after_peak_s"]),
    _queue(
        "refused_share", "%", lambda queue: queue["refused"] / max(1, queue["refused"] + queue["accepted"])
    ),
    *map(_wait, _STATISTICS),
)

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (*_PLAIN, *(_latency(name, of) for name in _LATENCIES for of in _STATISTICS), *_QUEUED)
}


def as_json(value: float) -> float | int | str | None:
    """A value as JSON holds it; null for nan."""
    return None if math.isnan(value) else finite(value)


def number(value: Any) -> float:
    """A figure of a summary as a number: nan for null."""
    if value is None:
        return math.nan
    return math.inf if value == INFINITE else float(value)


def figure_text(value: float, of: Measure) -> str:
    """A value as tables and maps show it."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    if of.unit == "%":
        return f"{100 * value:.1f} %"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if of.unit == "s" else f"{value:.2f}"  # noqa: PLR2004
    return f"{text} s" if of.unit == "s" else text

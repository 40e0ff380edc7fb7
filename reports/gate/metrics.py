"""What a gate compares between runs, and by what rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.errors import nearest
from reports.errors import UsageError
from reports.figures import metrics
from reports.figures.quantiles import quantile
from reports.gate.sampled import Sampled, least_samples
from reports.telling import words

#: Calls that a share or a rate is gated on.
LEAST_CALLS = least_samples(0.5)


@dataclass(frozen=True, slots=True)
class Figure:
    """A run's value of a metric, infinite where it reaches into the failures, and its samples."""

    value: float
    n: int


@dataclass(frozen=True, slots=True)
class Metric:
    """`side` is 1 where more is better, -1 where less is; `least` the fewest samples it is judged on.

    `floor` is a difference, in the metric's unit, that nobody minds, however sure it is. A metric of `points`
    is a share near zero: its differences count, not its ratios, and the floor is its tolerance, too.
    """

    name: str
    side: int
    least: int
    floor: float
    show: Callable[[float], str]
    of: Callable[[Sampled], Figure | None]
    latency: bool = False
    points: bool = False

    def scale(self, value: float) -> float:
        """Where changes are taken: logarithms, so that half and double are as far, or the plain share."""
        if self.points:
            return value
        return -math.inf if value == 0 else math.log(value)


def _percentile(name: str, label: str, floor_ms: float) -> Metric:
    share = float(label.removeprefix("p")) / 100

    def of(sampled: Sampled) -> Figure | None:
        ordered = sampled.ordered(name)
        return Figure(quantile(ordered, share), len(ordered)) if len(ordered) else None

    return Metric(f"{name}.{label}", -1, least_samples(share), floor_ms, _latency, of, latency=True)


def _plain(name: str, side: int, floor: float, value: Callable[[Sampled], float | None]) -> Metric:
    def of(sampled: Sampled) -> Figure | None:
        found = value(sampled)
        return None if found is None else Figure(found, len(sampled.run.calls))

    return Metric(name, side, LEAST_CALLS, floor, words.number, of)


def _goodput(sampled: Sampled) -> float | None:
    good = metrics.good(sampled.run, sampled.objectives)
    return metrics.per_s(int(good.sum()), sampled.run.window_s)


def _amplification(sampled: Sampled) -> float | None:
    return metrics.share(len(sampled.run.attempts), len(sampled.run.calls))


def _failed(sampled: Sampled) -> Figure | None:
    calls = len(sampled.run.calls)
    return Figure(1 - float(sampled.run.ok.mean()), calls) if calls else None


def _latency(value_ms: float) -> str:
    return words.INFINITY if math.isinf(value_ms) else words.latency(value_ms)


#: Floors: 10 ms of a latency is what two processes more on a laptop make, and a tail is longer; a tenth of a
#: good call a second; two attempts in a hundred calls; one call in a hundred.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _percentile("call_latency", "p50", 10.0),
        _percentile("call_latency", "p95", 20.0),
        _percentile("call_latency", "p99", 20.0),
        _percentile("call_latency", "p99.9", 20.0),
        _percentile("call_latency_all", "p50", 10.0),
        _percentile("call_latency_all", "p95", 20.0),
        _percentile("e2el", "p95", 20.0),
        _percentile("ttft", "p95", 10.0),
        _plain("request_goodput", 1, 0.1, _goodput),
        _plain("amplification", -1, 0.02, _amplification),
        Metric("failed_share", -1, LEAST_CALLS, 0.01, words.percent, _failed, points=True),
    )
}


def figures(sampled: Sampled) -> dict[str, Figure]:
    """Every metric that a run has, by name."""
    found = {name: metric.of(sampled) for name, metric in METRICS.items()}
    return {name: figure for name, figure in found.items() if figure is not None}


def chosen(names: Sequence[str] | None) -> tuple[Metric, ...]:
    """The metrics of those names; all of them for None. Raises UsageError."""
    if names is None:
        return tuple(METRICS.values())
    for name in names:
        if name not in METRICS:
            hint = nearest(name, list(METRICS))
            raise UsageError(f"--metric {name}: expected one of {', '.join(METRICS)}{hint}")
    return tuple(METRICS[name] for name in dict.fromkeys(names))

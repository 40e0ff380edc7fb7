"""New runs against those before, metric by metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from reports.figures.totals import finite
from reports.gate.decide import Limits, Worse, decide
from reports.gate.estimate import FEWEST_RUNS, BySeed, estimate, noise
from reports.gate.metrics import Metric
from reports.gate.record import RunRecord
from reports.gate.verdict import Check, Verdict
from reports.statistics.paired import FEWEST_PAIRS
from reports.telling import words

COLUMNS = ("before", "after", "change", "95 % interval", "tolerance", "how")


def judge(
    metrics: Sequence[Metric],
    base: Sequence[RunRecord],
    new: Sequence[RunRecord],
    tolerance: float,
    *,
    asked: bool,
) -> list[Check]:
    """A check for every metric that the runs have; `tolerance` is a fraction. Each seed after is one before.

    With `asked`, the metrics were asked for by name: one that cannot be judged is inconclusive. So is the lot
    if no latency among them can be judged.
    """
    checks = [_check(metric, base, new, tolerance, asked=asked) for metric in metrics]
    found = [check for check in checks if check is not None]
    latencies = [m.name for m in metrics if m.latency]
    judged = {check.name for check in found if check.verdict is not Verdict.NOT_JUDGED}
    if latencies and not judged.intersection(latencies):
        least = min(m.least for m in metrics if m.latency)
        calls = min(run.calls for run in (*base, *new))
        reason = (
            f"no latency can be judged: {words.count(calls)} calls a run, expected {least} ok ones or more"
        )
        found.insert(0, Check("latency", Verdict.INCONCLUSIVE, reason))
    return found


def _check(
    metric: Metric, base: Sequence[RunRecord], new: Sequence[RunRecord], tolerance: float, *, asked: bool
) -> Check | None:
    name, refused = metric.name, Verdict.INCONCLUSIVE if asked else Verdict.NOT_JUDGED
    have = [run.figures.get(name) for run in (*base, *new)]
    known = [figure for figure in have if figure is not None]
    if not known and not asked:
        return None
    if len(known) < len(have):
        return Check(name, refused, f"{len(have) - len(known)} of {len(have)} runs have none")
    if (fewest := min(figure.n for figure in known)) < metric.least:
        short = f"{words.count(fewest)} samples in a run: expected {words.count(metric.least)} or more"
        return Check(name, refused, short)
    before, after = _by_seed(base, name), _by_seed(new, name)
    found = estimate(metric, before, after)
    if found is None:
        few = f"expected {FEWEST_PAIRS} pairs of one seed, or {FEWEST_RUNS} runs before"
        return Check(name, Verdict.INCONCLUSIVE, f"{len(base)} and {len(new)} runs are too few: {few}")
    apart, pairs = noise(metric, (before, after))
    if pairs < FEWEST_PAIRS:  # too few to know: the interval's half width stands in
        apart = max(apart, found.worse.half_width)
    wanted = metric.floor if metric.points else math.log1p(tolerance)
    limits = Limits(wanted, apart, metric.floor)
    verdict, reason = decide(found.worse, limits)
    if verdict is Verdict.INCONCLUSIVE and found.hint:
        reason = f"{reason} ({found.hint})"
    before = {seed: before[seed] for seed in after}  # what is shown is of the same evenings
    cells = _cells(metric, before, after, found.worse, limits) | {"how": found.way}
    data = _data(before, after, found.worse, limits) | {"way": found.way, "noise_pairs": pairs}
    return Check(name, verdict, reason, cells, data=data)


def _by_seed(runs: Sequence[RunRecord], name: str) -> BySeed:
    found: dict[int, list[float]] = {}
    for run in runs:
        found.setdefault(run.seed, []).append(run.figures[name].value)
    return found


def _median(values: BySeed) -> float:
    return float(np.median([value for some in values.values() for value in some]))


def _cells(metric: Metric, before: BySeed, after: BySeed, worse: Worse, limits: Limits) -> dict[str, str]:
    side = -metric.side
    low, high = sorted((side * worse.low, side * worse.high))
    return {
        "before": metric.show(_median(before)),
        "after": metric.show(_median(after)),
        "change": _shown(metric, side * worse.change),
        "95 % interval": words.NOTHING
        if math.isnan(low) or math.isnan(high)
        else f"{_shown(metric, low)} to {_shown(metric, high)}",
        "tolerance": _shown(metric, limits.tolerance).removeprefix("+"),
    }


def _shown(metric: Metric, change: float) -> str:
    """A change on the metric's scale as people read it."""
    if math.isnan(change):
        return words.NOTHING
    if metric.points:
        return f"{100 * change:+.1f} points"
    ratio = _ratio(change)
    return f"+{words.INFINITY}" if math.isinf(ratio) else f"{100 * ratio:+.1f} %"


def _ratio(change: float) -> float:
    """The ratio less one of a logarithm; infinite where it is too large for a number."""
    try:
        return math.expm1(change)
    except OverflowError:
        return math.inf


def _data(before: BySeed, after: BySeed, worse: Worse, limits: Limits) -> dict[str, Any]:
    """For machines: changes as they were decided on (logs of ratios, or differences), positive is worse."""
    numbers = {
        "before": _median(before),
        "after": _median(after),
        "worse_by": worse.change,
        "worse_low": worse.low,
        "worse_high": worse.high,
        "tolerance": limits.tolerance,
        "noise": limits.noise,
        "floor": limits.floor,
    }
    return {name: None if math.isnan(number) else finite(number) for name, number in numbers.items()}

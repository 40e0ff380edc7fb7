"""A gate over run folders: against a baseline, under thresholds, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.gate import thresholds
from reports.gate.baseline import Baseline, unlike
from reports.gate.judge import COLUMNS, judge
from reports.gate.metrics import Metric
from reports.gate.record import differences, record
from reports.gate.sampled import Sampled
from reports.gate.thresholds import Threshold
from reports.gate.verdict import Check, Outcome, Verdict
from reports.telling import words


def against_baseline(
    baseline: Baseline, runs: Sequence[Sampled], metrics: Sequence[Metric], tolerance: float, *, asked: bool
) -> Outcome:
    """Runs against a baseline; inconclusive, with each difference named, where they cannot be compared."""
    title = f"{_runs(len(runs))} against a baseline of {len(baseline.runs)}"
    refused = tuple(found for sampled in runs for found in _refused(baseline, sampled))
    notes = _notes(baseline, runs)
    if refused:
        return Outcome(title, refused, (), notes)
    new = [record(sampled) for sampled in runs]
    return Outcome(title, tuple(judge(metrics, baseline.runs, new, tolerance, asked=asked)), COLUMNS, notes)


def under_thresholds(limits: Sequence[Threshold], runs: Sequence[Sampled]) -> Outcome:
    """Every threshold on every run; a degraded run is not to be relied on, and none is held to them."""
    found = [_degraded(sampled) for sampled in runs]
    sound = [sampled for sampled in runs if not sampled.degraded]
    held = thresholds.check_all(limits, sound)
    if len(runs) == 1:  # no need to say which
        held = [replace(check, run="") for check in held]
    return Outcome(
        f"thresholds on {_runs(len(runs))}", (*(c for c in found if c is not None), *held), ("after",)
    )


def _refused(baseline: Baseline, sampled: Sampled) -> list[Check]:
    """Why a run is no match for the baseline."""
    name, seed = words.clean(sampled.run.manifest.run), sampled.run.manifest.seed
    reasons = unlike(baseline, sampled.run)
    if seed not in baseline.seeds:
        seeds = ", ".join(map(str, baseline.seeds))
        reasons.append(f"seed: {seed}, and the baseline has {seeds}")
    found = [_unlike(name, reasons)] if reasons else []
    degraded = _degraded(sampled)
    return found if degraded is None else [*found, degraded]


def _unlike(run: str, reasons: Sequence[str]) -> Check:
    if len(reasons) == 1:
        return Check(f"{run}: conditions", Verdict.INCONCLUSIVE, reasons[0])
    reason = f"{len(reasons)} conditions are not the baseline's (a change of policy is gated with --ab)"
    return Check(f"{run}: conditions", Verdict.INCONCLUSIVE, reason, lines=tuple(f"  {r}" for r in reasons))


def _degraded(sampled: Sampled) -> Check | None:
    if not sampled.degraded:
        return None
    name = words.clean(sampled.run.manifest.run)
    return Check(f"{name}: degraded", Verdict.INCONCLUSIVE, "; ".join(map(words.clean, sampled.degraded)))


def _notes(baseline: Baseline, runs: Sequence[Sampled]) -> tuple[str, ...]:
    """Packages that are not those of the baseline: no reason to refuse, and a reason to look there."""
    found = dict.fromkeys(
        line
        for sampled in runs
        for line in differences(baseline.versions, dict(sampled.run.manifest.versions))
    )
    return (f"other versions than the baseline's: {', '.join(found)}",) if found else ()


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"

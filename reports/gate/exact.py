"""The exact gate: virtual evenings come to the same figures, or behaviour has changed."""

from __future__ import annotations

import json
import math
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from reports.errors import BaselineError
from reports.figures.quantiles import LEAST_SAMPLES
from reports.figures.totals import INFINITE
from reports.gate.baseline import read_document
from reports.gate.exact_spec import ExactSpec
from reports.gate.record import differences, digest
from reports.gate.verdict import Check, Outcome, Verdict
from reports.telling import words
from reports.telling.progress import Progress
from reports.virtual.cell import Figures
from reports.virtual.pool import Pool, Store

KIND = "virtual-baseline"
VERSION = 1

#: What is compared: behaviour, as every cell's figures have it. Tables, then plain figures.
TABLES = ("outcomes", "attempt_outcomes", "attempt_faults", "stopped_by", "tokens")
PLAIN = (
    "calls",
    "attempts",
    "good_calls",
    "billed_tokens",
    "request_throughput",
    "request_goodput",
    "amplification",
    "shed_rate",
    "breaker_open_fraction",
    "time_to_recover_s",
)
LATENCIES = ("call_latency", "call_latency_all", "e2el", "permit_wait", "backoff", "ttft", "itl", "tpot")
STATISTICS = (*LEAST_SAMPLES, "mean", "max", "n")

#: NumPy sums in an order that depends on the processor: a mean may differ in its last bits, and in nothing
#: else. Six decimals of a millisecond are kept.
_SAME_RELATIVE, _SAME_MS = 1e-9, 2e-6

#: Whose other versions may be why figures differ.
_PACKAGES = ("numpy", "primetime-harness")

Value = int | float | str | None


@dataclass(frozen=True, slots=True)
class ExactBaseline:
    """`figures` by seed, then by dotted name; the rest as in ExactSpec, and the versions they were of."""

    written: dict[str, Any]
    effective: dict[str, Any]
    versions: dict[str, str]
    figures: dict[str, dict[str, Value]]


def play(spec: ExactSpec, jobs: int) -> ExactBaseline:
    """Every seed of the spec, played on `jobs` cores. Raises CellError."""
    progress = Progress(len(spec.seeds), "evenings")
    try:
        with tempfile.TemporaryDirectory() as out, Pool(jobs, Store(Path(out))) as pool:
            (played,) = pool.figures(spec.stage, [{}], spec.seeds, progress.step)
    finally:
        progress.close()
    figures = {str(seed): compared(cell) for seed, cell in zip(spec.seeds, played, strict=True)}
    # As JSON has it, so that what was read is like what was played.
    plain = json.loads(json.dumps({"written": spec.written, "effective": spec.effective}))
    return ExactBaseline(plain["written"], plain["effective"], _versions(), figures)


def compared(cell: Figures) -> dict[str, Value]:
    """The figures of a cell that are compared, by dotted names."""
    found: dict[str, Value] = {name: cell[name] for name in PLAIN}
    for name in TABLES:
        found |= {f"{name}.{key}": value for key, value in cell[name].items()}
    for name in LATENCIES:
        if (latency := cell[f"{name}_ms"]) is not None:
            found |= {f"{name}_ms.{statistic}": latency[statistic] for statistic in STATISTICS}
    return found


def document(played: ExactBaseline) -> dict[str, Any]:
    """The baseline as its file has it."""
    return {
        "kind": KIND,
        "version": VERSION,
        "configuration": digest(played.written),
        **msgspec.to_builtins(played),
    }


def read(path: Path) -> ExactBaseline:
    """The baseline in a file. Raises BaselineError for one that is missing, damaged or something else."""
    try:
        baseline = msgspec.convert(read_document(path, KIND, VERSION), ExactBaseline)
    except msgspec.ValidationError as error:
        raise BaselineError(f"{path}: {error}") from error
    seeds, played = baseline.written.get("seeds"), list(baseline.figures)
    if not isinstance(seeds, list) or not seeds or list(map(str, seeds)) != played:
        raise BaselineError(f"{path}: figures of the seeds {played}: expected those of {seeds}")
    return baseline


def respecified(baseline: ExactBaseline, spec: ExactSpec) -> list[str]:
    """What the spec says otherwise than when the baseline was made, each difference named."""
    return differences(baseline.written, json.loads(json.dumps(spec.written)))


def refused(name: str, reasons: Sequence[str]) -> Outcome:
    """The outcome where baseline and spec are not of the same evenings."""
    checks = [Check(f"{name}: spec", Verdict.INCONCLUSIVE, reason) for reason in reasons]
    return Outcome(f"{name}, in virtual time", tuple(checks), notes=("make the baseline again to accept it",))


def compare(name: str, baseline: ExactBaseline, played: ExactBaseline) -> Outcome:
    """A check for every kind of figure: a regression where any seed's differ, whichever way."""
    kinds: dict[str, list[str]] = {}
    wrong: dict[str, list[str]] = {}
    for seed in baseline.figures:
        before, after = baseline.figures[seed], played.figures.get(seed, {})
        for figure in dict.fromkeys((*before, *after)):
            kind = figure.partition(".")[0]
            kinds.setdefault(kind, []).append(figure)
            a, b = before.get(figure), after.get(figure)
            if not same(a, b):
                wrong.setdefault(kind, []).append(f"seed {seed}: {figure} {_change(a, b)}")
    checks = [_settings(baseline.effective, played.effective)]
    checks += [_check(kind, len(figures), wrong.get(kind, [])) for kind, figures in kinds.items()]
    seeds = f"{len(baseline.figures)} seeds" if len(baseline.figures) > 1 else "1 seed"
    other = differences(baseline.versions, played.versions) if wrong else []
    notes = (f"played with other versions than the baseline: {', '.join(other)}",) if other else ()
    return Outcome(f"{name}, in virtual time, {seeds}: every figure", tuple(checks), ("same",), notes)


def same(a: Value, b: Value) -> bool:
    """Whether two figures are the same: to the last digit, but for the last bits of sums."""
    if isinstance(a, float) and isinstance(b, float | int):
        return math.isclose(a, b, rel_tol=_SAME_RELATIVE, abs_tol=_SAME_MS)
    return a == b


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Check:
    """What presets and bundled profiles come to: a change there is one of behaviour, seen or not."""
    lines = differences(before, after)
    total = len({*before, *after})
    return _check("settings", total, lines)


def _check(kind: str, total: int, lines: Sequence[str]) -> Check:
    cells = {"same": f"{total - len(lines)} of {total}"}
    verdict = Verdict.REGRESSION if lines else Verdict.PASS
    reason = f"{len(lines)} of {total} changed" if lines else ""
    return Check(kind, verdict, reason, cells, tuple(lines), {"figures": total, "changed": len(lines)})


def _change(before: Value, after: Value) -> str:
    a, b = _shown(before), _shown(after)
    if a == b:  # the same to the digits that are shown
        a, b = str(before), str(after)
    if isinstance(before, str | None) or isinstance(after, str | None) or before == 0:
        return f"{a} -> {b}"
    return f"{a} -> {b} ({100 * (after / before - 1):+.2g} %)"


def _shown(value: Value) -> str:
    if value is None:
        return words.NOTHING
    if value == INFINITE or isinstance(value, str):
        return words.INFINITY
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in _PACKAGES}}

"""Metrics with their formulas, and which command knows which."""

from __future__ import annotations

from reports.figures import objectives
from reports.figures.formulas import FORMULAS
from reports.figures.quantiles import DEFINITION, LEAST_SAMPLES
from reports.gate import thresholds
from reports.gate.metrics import METRICS
from reports.virtual.measures import MEASURES
from tests.docs.reference.markdown import code, filled, table

TITLE = "Metrics"

PAGE = """
Latencies are exact quantiles ({definition}) of raw samples. None is printed on fewer samples than {least}:
no number is better than a wrong one. Rates are over the arrival window.

## Formulas

{formulas}

## Objectives

`--goodput` and `goodput` of a spec take {objectives}, each with a limit in milliseconds; only a stream
meets {of_streams}. The default is `{default}`.

## What a gate compares

Between runs in real time. A difference under its floor is nobody's regression, however sure it is; on fewer
samples than its fewest a metric is not judged.

{gate}

## What a threshold may name

Of a latency `p(N)`, `avg`, `min`, `max`, `med` and `count`; of outcomes `rate` and `count`; of the others
`value` or `count`:

{thresholds}

## What a study seeks, and a sweep shows

As `objectives` and `constraints` of a study; a latency with {statistics} behind it, as `call_latency.p99`.

{measures}
"""


def page() -> str:
    """Formulas first, then what objectives, gates, thresholds, sweeps and studies may name."""
    least = ", ".join(f"{count:,} for a {name}" for name, (_, count) in LEAST_SAMPLES.items())
    return PAGE.format(
        definition=DEFINITION,
        least=least,
        formulas=table(
            ["metric", "formula"], [[_named(name), formula] for name, formula in FORMULAS]
        ).strip(),
        objectives=_list(objectives.NAMES),
        of_streams=_list(objectives.OF_STREAMS),
        default=" ".join(f"{o.metric}:{o.limit_ms:g}" for o in objectives.DEFAULT),
        gate=_gate().strip(),
        thresholds=filled(_list(thresholds.METRICS)).strip(),
        statistics=_list((*LEAST_SAMPLES, "mean", "max")),
        measures=_measures().strip(),
    )


def _gate() -> str:
    """Their floors in the unit they have: milliseconds, a share, or the metric's own."""
    rows = []
    for metric in METRICS.values():
        floor = f"{metric.floor:g} ms" if metric.latency else metric.show(metric.floor)
        rows.append([code(metric.name), _side(metric.side), floor, f"{metric.least:,}"])
    return table(["metric", "better", "floor", "fewest samples"], rows)


def _measures() -> str:
    """A row a measure; latencies without the statistics they are asked for by."""
    found = {name.partition(".")[0]: measure for name, measure in MEASURES.items()}
    units = {"%": "share", "/s": "a second", "s": "s"}
    rows = [[code(name), _side(m.side), units.get(m.unit, "")] for name, m in found.items()]
    return table(["measure", "better", "unit"], rows)


def _named(name: str) -> str:
    """A name that stands in JSON so, or words."""
    return code(name) if name.replace("_", "").isalnum() else name


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(map(code, names))


def _side(side: int) -> str:
    return "more" if side > 0 else "less"

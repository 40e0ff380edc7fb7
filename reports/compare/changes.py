"""How groups of runs differ from the first: paired ratios, and intervals over the runs of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.compare.groups import Group, Pairing, groups, paired
from reports.compare.result import Compared
from reports.figures import metrics
from reports.figures.failures import took_ms
from reports.figures.totals import finite
from reports.reading.run import Floats
from reports.statistics.interval import FEWEST_RUNS, Estimate, Sample, estimate
from reports.statistics.paired import Change, change
from reports.summary.result import Summary

PERCENTILES = ("p50", "p95", "p99")


@dataclass(frozen=True, slots=True)
class Metric:
    """What is compared: its name in JSON and in words, where it stands in a summary, and its better side."""

    key: str
    name: str
    path: tuple[str, ...]
    side: int = 0

    @property
    def latency(self) -> bool:
        """Whether it may be infinite, and never is zero."""
        return self.path[0].endswith("_ms")

    def of(self, summary: Summary) -> float:
        """The figure; nan where the run has none."""
        found: Any = summary
        for step in self.path:
            found = found if found is None else found[step]
        return math.nan if found is None else float(found)


#: As they are shown. More is better (+1), or less (-1); 0 where it depends: the few ok calls are fast ones.
METRICS = (
    Metric("request_goodput", "goodput", ("request_goodput",), +1),
    *(Metric(f"call_latency.{p}", f"call latency {p}, ok", ("call_latency_ms", p)) for p in PERCENTILES),
    *(
        Metric(f"call_latency_all.{p}", f"call latency {p}, all", ("call_latency_all_ms", p), -1)
        for p in PERCENTILES
    ),
    Metric("e2el.p95", "e2el p95, ok", ("e2el_ms", "p95")),
    Metric("amplification", "amplification", ("amplification",)),
    Metric("wasted_tokens", "wasted tokens", ("tokens", "wasted"), -1),
    Metric("cost_usd", "cost", ("cost_usd", "total")),
    Metric("cost_usd.per_good_call", "cost of a good call", ("cost_usd", "per_good_call"), -1),
)


@dataclass(frozen=True, slots=True)
class Against:
    """A group beside the base: which runs are pairs, and every metric's change over them."""

    group: Group
    pairing: Pairing
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """Groups, the first of which is the base; of each its latencies over runs, None where it has too few."""

    groups: tuple[Group, ...] = ()
    latencies: tuple[dict[str, dict[str, Estimate]] | None, ...] = ()
    against: tuple[Against, ...] = ()


def decide(compared: Sequence[Compared]) -> Decided:
    """Group the runs, pair each group with the first, and say how sure the differences are."""
    found = groups(compared)
    return Decided(
        tuple(found),
        tuple(_latencies(group) for group in found),
        tuple(_against(found[0], group) for group in found[1:]),
    )


def excused(decided: Decided) -> tuple[str, ...]:
    """The conditions in which the runs may differ and yet be compared: those of seeds, if all have pairs."""
    paired = decided.against and all(a.pairing.pairs and not a.pairing.apart for a in decided.against)
    return ("seed", "schedule.count") if paired else ()


def _against(base: Group, group: Group) -> Against:
    pairing = paired(base, group)
    changes = tuple(
        change([m.of(b.summary) for b, _ in pairing.pairs], [m.of(n.summary) for _, n in pairing.pairs])
        for m in METRICS
    )
    return Against(group, pairing, changes)


def _latencies(group: Group) -> dict[str, dict[str, Estimate]] | None:
    """By the keys of a summary; of whole runs, as the summaries' percentiles are."""
    if len(group.members) < FEWEST_RUNS:
        return None
    of_all = [_in_order(c) for c in group.members]
    of_ok = [latency[np.isfinite(latency)] for latency in of_all]
    if group.members[0].summary["failures"] == "took":
        of_all = [_in_order(c, took=True) for c in group.members]
    return {
        key: {name: estimate(sample, name) for name in PERCENTILES}
        for key, sample in (("call_latency_ms", Sample(of_ok)), ("call_latency_all_ms", Sample(of_all)))
    }


def _in_order(one: Compared, *, took: bool = False) -> Floats:
    """Latencies of all calls in the order they were due."""
    calls = one.run.calls
    latency = took_ms(calls) if took else metrics.call_latency_all_ms(calls)
    return latency[np.argsort(calls.intended_ns, kind="stable")]


def document(decided: Decided) -> dict[str, Any]:
    """`groups`, each with its runs and latencies, and `changes`, each with its pairs: ratios to the base."""
    return {
        "groups": [
            {
                "label": group.label,
                "runs": [c.label for c in group.members],
                **(
                    {"call_latency_ms": None, "call_latency_all_ms": None}
                    if found is None
                    else {key: {n: _estimate(e) for n, e in by.items()} for key, by in found.items()}
                ),
            }
            for group, found in zip(decided.groups, decided.latencies, strict=True)
        ],
        "changes": [
            {
                "base": decided.groups[0].label,
                "group": against.group.label,
                "pairs": [[b.label, n.label] for b, n in against.pairing.pairs],
                "not_paired": list(against.pairing.apart),
                "ratios": {m.key: _ratio(c) for m, c in zip(METRICS, against.changes, strict=True)},
            }
            for against in decided.against
        ],
    }


def _estimate(found: Estimate) -> dict[str, Any]:
    return {
        "value": finite(found.value),
        "low": finite(found.low),
        "high": finite(found.high),
        "why": found.why,
    }


def _ratio(found: Change) -> dict[str, Any]:
    """The median of new / base over pairs; bounds are null of too few."""
    bounds = {"median": found.log_ratio, "low": found.low, "high": found.high}
    return {
        "pairs": found.pairs,
        **{name: None if math.isnan(log) else finite(math.exp(log)) for name, log in bounds.items()},
    }

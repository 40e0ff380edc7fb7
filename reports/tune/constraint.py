"""What a setting has to keep, as people write it: `call_latency.p99 < 20s`."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import nearest
from reports.errors import SpecError
from reports.figures.objectives import OF_STREAMS
from reports.figures.quantiles import LEAST_SAMPLES
from reports.virtual.cell import Figures
from reports.virtual.measures import MEASURES, Measure
from reports.virtual.stage import Stage

_FORM = re.compile(r"([a-z0-9_.]+)\s*(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)\s*(ms|s|min|%|/s)?")

#: Unit of a measure -> what may be written, and what it is worth in the measure's own.
_UNITS: dict[str, dict[str, float]] = {
    "s": {"s": 1.0, "ms": 0.001, "min": 60.0},
    "%": {"%": 0.01, "": 1.0},
    "/s": {"/s": 1.0, "": 1.0},
    "": {"": 1.0},
}

#: How much is violated where nothing can be told, or without an end: more than anything that can.
UNTOLD = 1e9

#: The least of a limit that violations are measured by, and what one is violated by that is met, not passed.
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on the mean of a measure over the seeds; `above` where the mean must be at least `limit`.

    `strict`: to meet the limit is not enough (`<`, `>`).
    """

    text: str
    measure: Measure
    limit: float
    above: bool
    strict: bool

    def violation(self, cells: Sequence[Figures]) -> float:
        """By how much of the limit it is missed; 0 or less where it is kept."""
        value = self.measure.mean(cells)
        if not math.isfinite(value):
            return UNTOLD
        missed = self.limit - value if self.above else value - self.limit
        if missed == 0 and self.strict:
            return _LEAST
        return min(UNTOLD, missed / max(abs(self.limit), _LEAST))


def parse(text: str) -> Constraint:
    """The constraint a text states. Raises SpecError."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise SpecError(f"constraint {text!r}: expected such as 'call_latency.p99 < 20s'")
    name, sign, number, unit = match.groups()
    measure = measure_named(name, f"constraint {text!r}")
    units = _UNITS[measure.unit]
    if (unit or "") not in units:
        known = " or ".join(u or "no unit" for u in units)
        raise SpecError(f"constraint {text!r}: {name} is not in {unit or 'plain numbers'}: expected {known}")
    limit = float(number) * units[unit or ""]
    constraint = Constraint(text, measure, limit, sign.startswith(">"), not sign.endswith("="))
    _refuse_impossible(constraint)
    return constraint


def measure_named(name: str, where: str) -> Measure:
    """A measure. Raises SpecError that names the nearest known one."""
    if name not in MEASURES:
        known = list(MEASURES)
        shown = "goodput, tokens_per_good_call, amplification, call_latency.p99, time_to_recover, ..."
        raise SpecError(f"{where}: unknown measure {name!r}{nearest(name, known)}; known: {shown}")
    return MEASURES[name]


def refuse_contradictions(constraints: Sequence[Constraint]) -> None:
    """Raise SpecError where one constraint leaves nothing of another."""
    for low in (c for c in constraints if c.above):
        for high in (c for c in constraints if not c.above):
            met = low.limit < high.limit or (low.limit == high.limit and not (low.strict or high.strict))
            if low.measure is high.measure and not met:
                raise SpecError(f"constraints {high.text!r} and {low.text!r}: nothing can keep both")


def refuse_untold(measure: Measure, where: str, stage: Stage, calls: int) -> None:
    """Raise SpecError for a measure that a load of so many calls can never tell."""
    name, _, statistic = measure.name.partition(".")
    least = LEAST_SAMPLES.get(statistic, (0.0, 0))[1]
    if name in OF_STREAMS and not stage.stream:
        raise SpecError(f"{where}: only a stream has {name}: expected stream = true")
    if name != "itl" and calls < least:  # of gaps there are many in a call
        what = f"{calls:,} calls are too few for {statistic}: expected a load of at least {least:,}"
        raise SpecError(f"{where}: {what}")
    if measure.name == "time_to_recover" and stage.cleared_s is None:
        why = "the profile has no window of faults that ends within the run: expected `cleared`"
        raise SpecError(f"{where}: {why}")


def _refuse_impossible(c: Constraint) -> None:
    """No measure is negative, and a share is no more than everything."""
    most = 1.0 if c.measure.unit == "%" else math.inf
    if not 0 <= c.limit <= min(most, sys.float_info.max):
        raise SpecError(f"constraint {c.text!r}: {c.measure.name} {_bounds(most)}")
    if c.strict and c.limit == (most if c.above else 0):
        raise SpecError(f"constraint {c.text!r}: nothing can keep it: {c.measure.name} {_bounds(most)}")


def _bounds(most: float) -> str:
    return "is between 0 and 100 %" if most == 1.0 else "is a number from 0"

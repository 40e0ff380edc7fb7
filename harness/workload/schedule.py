"""The one owner of arrivals: intended instant, call id, shop, kind of copy, prompt and lengths."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.rng import draws
from harness.units import NS
from harness.workload.arrivals import Arrivals, Law, draw
from harness.workload.curve import Floats, RateCurve
from harness.workload.kinds import KINDS
from harness.workload.prompts import PromptBook
from harness.workload.shops import make_shops
from harness.workload.trace import TraceRow, padding


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One call to be made. `at_ns` counts from the run's start; None in a closed loop."""

    call_id: int
    at_ns: int | None
    shop: str
    kind: str
    prompt: str
    max_tokens: int
    planned_prompt_tokens: int | None = None
    planned_completion_tokens: int | None = None


class Schedule(Protocol):
    """Arrivals by call id, 0 to `count` - 1, in order of time. Worker k of n plays those with id % n == k."""

    @property
    def at_ns(self) -> NDArray[np.int64]:
        """The intended instants."""

    @property
    def length_ns(self) -> int:
        """How long arrivals go on."""

    def arrival(self, call_id: int) -> Arrival:
        """What call `call_id` asks for."""

    def curve_points(self) -> list[list[float]]:
        """The intended rate as [seconds, calls a second]."""


@dataclass(frozen=True, slots=True)
class CurveSchedule:
    """Arrivals drawn from a rate curve, each asking for a drawn kind of copy."""

    curve: RateCurve
    arrivals: Arrivals
    writer: Writer

    @property
    def at_ns(self) -> NDArray[np.int64]:
        """The intended instants."""
        return self.arrivals.at_ns

    @property
    def length_ns(self) -> int:
        """The curve's length."""
        return round(self.curve.length_s * NS)

    def arrival(self, call_id: int) -> Arrival:
        """What call `call_id` asks for."""
        shop = self.writer.shop_name(int(self.arrivals.shop[call_id]))
        return self.writer.write(call_id, int(self.arrivals.at_ns[call_id]), shop)

    def curve_points(self) -> list[list[float]]:
        """The intended rate."""
        pairs = zip(self.curve.times_s, self.curve.rates, strict=True)
        return [[round(float(t), 3), round(float(r), 4)] for t, r in pairs]


class Writer:
    """Gives each call id its kind of copy and its prompt, from (seed, call id) alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._shops = make_shops(seed)
        # Plain lists: a search of one costs a tenth of numpy's.
        self._kind_edges = _edges(np.array([kind.weight for kind in KINDS]))
        self._shop_edges = _edges(self._shops.weights)

    def shop_name(self, index: int) -> str:
        """The name of a shop."""
        return self._shops.name(index)

    def write(self, call_id: int, at_ns: int | None, shop: str | None = None) -> Arrival:
        """The arrival of a call id; without a shop, one is drawn by its share of the load."""
        rng = draws(self._seed, "copy", call_id)
        kind = KINDS[bisect(self._kind_edges, rng.random())]
        if shop is None:
            shop = self.shop_name(bisect(self._shop_edges, rng.random()))
        return Arrival(call_id, at_ns, shop, kind.name, PromptBook(rng).write(kind.name), kind.max_tokens)


def _edges(weights: Floats) -> list[float]:
    """The upper ends of each one's share of [0, 1), but the last: whatever is left is its."""
    return [float(edge) for edge in np.cumsum(weights)[:-1] / weights.sum()]


@dataclass(frozen=True, slots=True)
class TraceSchedule:
    """A recorded trace, its gaps divided by `speedup`; prompts are padded to the row's input tokens."""

    rows: list[TraceRow]
    speedup: float

    @property
    def at_ns(self) -> NDArray[np.int64]:
        """The intended instants."""
        return np.array([round(row.at_s / self.speedup * NS) for row in self.rows], dtype=np.int64)

    @property
    def length_ns(self) -> int:
        """To the last arrival, and at least a second: a rate needs a window."""
        return max(NS, round(self.rows[-1].at_s / self.speedup * NS))

    def arrival(self, call_id: int) -> Arrival:
        """The row as a call."""
        row = self.rows[call_id]
        return Arrival(
            call_id,
            round(row.at_s / self.speedup * NS),
            shop="trace",
            kind="trace",
            prompt=padding(row.prompt_tokens, call_id),
            max_tokens=row.completion_tokens,
            planned_prompt_tokens=row.prompt_tokens,
            planned_completion_tokens=row.completion_tokens,
        )

    def curve_points(self) -> list[list[float]]:
        """The trace's own rate, counted in 60 steps of its length."""
        length_s = self.length_ns / NS
        counts, edges = np.histogram(self.at_ns / NS, bins=60, range=(0, length_s))
        width_s = length_s / 60
        middles = (edges[:-1] + edges[1:]) / 2
        return [
            [round(float(t), 3), round(float(c) / width_s, 4)] for t, c in zip(middles, counts, strict=True)
        ]


def from_curve(curve: RateCurve, law: Law, seed: int) -> CurveSchedule:
    """The schedule of a seed along a curve."""
    return CurveSchedule(curve, draw(curve, law, make_shops(seed), seed), Writer(seed))

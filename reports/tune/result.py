"""What a study comes to: the race, the winner on seeds it has not seen, and its settings as a policy file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.play.offer import clock_document
from reports.reading.run import Floats
from reports.statistics.student import half_width
from reports.sweep.result import shown
from reports.tune.race import Candidate, Raced
from reports.tune.spec import TuneSpec
from reports.virtual import beside
from reports.virtual.about import about
from reports.virtual.beside import Beside
from reports.virtual.cell import Figures
from reports.virtual.measures import MEASURES, Measure, as_json
from reports.virtual.policy_toml import policy_toml
from reports.virtual.stage import overlaid

#: Bins of a course that are drawn at most.
MOST_BINS = 90

#: Beside the objectives and what the constraints bound.
SHOWN = ("goodput", "good_share", "call_latency.p99", "amplification", "tokens_per_good_call", "shed_rate")


@dataclass(frozen=True, slots=True)
class Gain:
    """What the winner gains on a measure over today's settings, seed by seed: more is better.

    `half` is the half width of the difference's 95 % interval; nan with a single seed.
    """

    measure: Measure
    today: float
    winner: float
    better_by: float
    half: float

    @property
    def sure(self) -> bool:
        """Whether the interval of the difference lies above zero."""
        return math.isfinite(self.half) and self.better_by - self.half > 0


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Today's settings and the winner's on seeds that neither has seen."""

    today: Sequence[Figures]
    winner: Sequence[Figures]
    kept: bool

    def gain(self, measure: Measure) -> Gain:
        """The winner's gain on a measure."""
        pairs = [(measure.of(a), measure.of(b)) for a, b in zip(self.today, self.winner, strict=True)]
        differences = [measure.side * (b - a) for a, b in pairs]
        known = all(math.isfinite(d) for d in differences)
        return Gain(
            measure,
            measure.mean(self.today),
            measure.mean(self.winner),
            float(np.mean(differences)) if known else math.nan,
            half_width(differences) if known else math.nan,
        )


@dataclass(frozen=True, slots=True)
class Tuned:
    """A study that has ended; `held_out` is None where nothing won, or where today's settings did.

    `real` holds today's settings and the winner's as they were replayed in real time, where that was asked.
    """

    spec: TuneSpec
    raced: Raced
    held_out: HeldOut | None
    real: Sequence[Beside] = ()

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """What the winner sets otherwise: today's value and its own."""
        if self.raced.winner is None:
            return {}
        today = self.spec.today
        return {k: (today[k], v) for k, v in self.raced.winner.settings.items() if v != today[k]}

    @property
    def verdict(self) -> str:
        """What became of it, in a sentence."""
        if self.raced.winner is None:
            return "No setting that was tried keeps every constraint: today's settings stay."
        if self.held_out is None:
            return "Nothing that was tried beats today's settings."
        gain = self.held_out.gain(self.spec.objectives[0])
        kept = "" if self.held_out.kept else " It does not keep every constraint on these seeds."
        what = f"{gain.measure.name} {figure(gain.today)} -> {figure(gain.winner)} on held-out seeds"
        if gain.sure:
            return f"Better than today's settings: {what}.{kept}"
        return f"Not surely better than today's settings: {what}.{kept}"


def measures(spec: TuneSpec) -> list[Measure]:
    """What is shown of every setting: the objectives first."""
    names = [m.name for m in spec.objectives] + [c.measure.name for c in spec.constraints] + list(SHOWN)
    return [MEASURES[name] for name in dict.fromkeys(names)]


def document(tuned: Tuned) -> dict[str, Any]:
    """The document of `tune.json`."""
    spec, raced = tuned.spec, tuned.raced
    held = tuned.held_out
    return {
        "kind": "tune",
        "name": spec.name,
        "title": spec.title,
        "finding": spec.finding,
        "about": about(spec.stage, len(spec.seeds), spec.against),
        "policy": spec.stage.policy_name,
        "stages": [stage.document() for stage in spec.stages],
        "seeds": list(spec.seeds),
        "held_out_seeds": list(spec.held_out),
        "rungs": spec.rungs,
        "objectives": [m.name for m in spec.objectives],
        "constraints": [c.text for c in spec.constraints],
        "ranges": {r.key: list(r.choices) if r.choices else [r.low, r.high] for r in spec.ranges},
        "today": spec.today,
        "verdict": tuned.verdict,
        "winner": None if raced.winner is None else _row(spec, raced.winner),
        "changed": {key: list(pair) for key, pair in tuned.changed.items()},
        "held_out": None
        if held is None
        else {
            m.name: {
                "today": as_json(gain.today),
                "winner": as_json(gain.winner),
                "better_by": as_json(gain.better_by),
                "half_width_95": as_json(gain.half),
            }
            for m in measures(spec)
            for gain in [held.gain(m)]
        },
        "course": None if held is None else _course(spec, held),
        "real": beside.document(tuned.real, measures(spec)),
        "front": [_row(spec, c) for c in raced.front],
        "last": [_row(spec, c) for c in raced.last],
        "trials": [_row(spec, c) for c in raced.all],
    }


def _course(spec: TuneSpec, held: HeldOut) -> dict[str, Any]:
    """The first stage over its time: means over the held-out seeds, calls a second, bins by their edges."""
    load, seeds = spec.stage.load, len(spec.held_out)
    edges, offered, today = course(held.today[:seeds])
    _, _, winner = course(held.winner[:seeds])
    return {
        "length_s": load.length_s,
        "clock": clock_document(load.window, load.length_s),
        "edges_s": edges.tolist(),
        "offered": offered.tolist(),
        "today": today.tolist(),
        "winner": winner.tolist(),
    }


def course(cells: Sequence[Figures]) -> tuple[Floats, Floats, Floats]:
    """Bin edges in seconds, and the mean rates of calls offered and of good ones over the seeds."""
    bin_s = cells[0]["course"]["bin_s"]
    offered, good = (np.mean([cell["course"][of] for cell in cells], axis=0) for of in ("offered", "good"))
    group = max(1, math.ceil(len(offered) / MOST_BINS))
    starts = np.arange(0, len(offered), group)
    edges = np.minimum(np.append(starts, len(offered)) * bin_s, cells[0]["duration_s"])
    widths = np.diff(edges)
    return edges, np.add.reduceat(offered, starts) / widths, np.add.reduceat(good, starts) / widths


def _row(spec: TuneSpec, one: Candidate) -> dict[str, Any]:
    return {
        "trial": one.number,
        "settings": one.settings,
        "feasible": one.feasible,
        "seeds": len(one.cells),
        "mean": {m.name: as_json(m.mean(one.cells)) for m in measures(spec)},
    }


def policy_file(tuned: Tuned) -> str:
    """`tuned.toml`, ready for `--policy`: the winner's settings, or today's where nothing won."""
    winner = tuned.raced.winner
    settings: Mapping[str, Any] = {} if winner is None else winner.settings
    return policy_toml(overlaid(tuned.spec.stage.table, settings), _remarks(tuned))


def _remarks(tuned: Tuned) -> list[str]:
    spec = tuned.spec
    tried = f"{len(tuned.raced.all)} settings on {len(spec.seeds)} seeds, against {spec.against}"
    found = [f"Found by `python -m reports tune` from {spec.name}.toml: {tried}.", tuned.verdict]
    return found + [f"{key}: {shown(a)} -> {shown(b)}" for key, (a, b) in tuned.changed.items()]


def figure(value: float) -> str:
    """A mean in a sentence."""
    return "-" if math.isnan(value) else f"{value:.4g}"

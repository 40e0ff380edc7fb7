"""What a sweep comes to: a row a setting, which of them nothing beats, and how sure the differences are."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.policy.parse import values
from reports.figures.pareto import front
from reports.figures.totals import finite
from reports.statistics.student import half_width
from reports.sweep.spec import Settings, SweepSpec, flat
from reports.virtual import beside
from reports.virtual.about import about
from reports.virtual.beside import Beside
from reports.virtual.cell import Figures
from reports.virtual.measures import MEASURES, Measure, as_json
from reports.virtual.queue_plan import is_queues, today

#: The columns of the table and of the CSV file.
SHOWN = (
    "goodput",
    "good_share",
    "call_latency.p50",
    "call_latency.p99",
    "call_latency_all.p95",
    "amplification",
    "tokens_per_good_call",
    "shed_rate",
    "breaker_open_fraction",
    "time_to_recover",
)

#: Beside these where calls went through a queue.
SHOWN_OF_QUEUE = ("queue_wait.p95", "depth_max", "drain_after_peak", "refused_share")

#: The axes of the Pareto picture.
GAIN, COST = MEASURES["goodput"], MEASURES["tokens_per_good_call"]


@dataclass(frozen=True, slots=True)
class Row:
    """A setting with its measures by name, a value a seed, in the order of the spec's seeds.

    `behind` is how much goodput it loses against the best row, seed by seed, and `sure` the half width of
    that difference's 95 % interval: nan with a single seed.
    """

    settings: Settings
    measured: Mapping[str, tuple[float, ...]]
    behind: float
    sure: float
    pareto: bool

    def mean(self, measure: Measure) -> float:
        """The mean over the seeds."""
        return float(np.mean(self.measured[measure.name]))


def label(settings: Settings) -> str:
    """A setting in one line."""
    return ", ".join(f"{key} = {shown(value)}" for key, value in settings.items()) or "as it is"


def shown(value: Any) -> str:
    """A value as TOML has it, without quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(shown, value)) if isinstance(value, list) else str(value)


def rows_of(cells_by_setting: Sequence[tuple[Settings, Sequence[Figures]]]) -> list[Row]:
    """The rows, in the order given; every setting has the same seeds in the same order."""
    means = [GAIN.mean(cells) for _, cells in cells_by_setting]
    best = cells_by_setting[int(np.argmax(means))][1]
    names = names_of(any("queue" in cell for _, cells in cells_by_setting for cell in cells))
    on_front = front([(GAIN.mean(cells), -COST.mean(cells)) for _, cells in cells_by_setting])
    rows = []
    for (settings, cells), is_best in zip(cells_by_setting, on_front, strict=True):
        lost = [GAIN.of(b) - GAIN.of(c) for b, c in zip(best, cells, strict=True)]
        behind = max(0.0, float(np.mean(lost)))
        measured = {name: tuple(MEASURES[name].of(cell) for cell in cells) for name in names}
        rows.append(Row(settings, measured, behind, half_width(lost), is_best))
    return rows


def names_of(queued: bool) -> tuple[str, ...]:  # noqa: FBT001 - of a sweep, not a mode
    """The measures that are shown."""
    return (*SHOWN, *SHOWN_OF_QUEUE) if queued else SHOWN


def numbered(rows: Sequence[Row]) -> list[tuple[int | None, Row]]:
    """The rows, best goodput first; those on the front have numbers, from 1."""
    numbers = itertools.count(1)
    return [(next(numbers) if row.pareto else None, row) for row in sorted(rows, key=lambda row: row.behind)]


def base_of(spec: SweepSpec) -> dict[str, Any]:
    """The grid's keys as the policy has them that the sweep starts from; those it has not are left out."""
    policy: dict[str, Any] = {"preset": spec.stage.policy_name}
    policy |= flat(values(spec.stage.policy({})), "")
    policy |= {key: today(spec.stage.queue_table, key) for key in spec.grid if is_queues(key)}
    return {key: policy[key] for key in spec.grid if key in policy}


def document(spec: SweepSpec, rows: Sequence[Row], real: Sequence[Beside] = ()) -> dict[str, Any]:
    """The document of `sweep.json`."""
    return {
        "kind": "sweep",
        "name": spec.name,
        "title": spec.title,
        "finding": spec.finding,
        "about": about(spec.stage, len(spec.seeds)),
        "policy": spec.stage.policy_name,
        "stage": spec.stage.document(),
        "seeds": list(spec.seeds),
        "grid": spec.grid,
        "base": base_of(spec),
        "real": beside.document(real, [MEASURES[name] for name in SHOWN]),
        "rows": [
            {
                "settings": dict(row.settings),
                "pareto": row.pareto,
                "goodput_behind_best": finite(row.behind),
                "half_width_95": as_json(row.sure),
                "mean": {name: as_json(row.mean(MEASURES[name])) for name in row.measured},
                "seeds": [
                    {"seed": seed, **{name: as_json(of[i]) for name, of in row.measured.items()}}
                    for i, seed in enumerate(spec.seeds)
                ],
            }
            for row in rows
        ],
    }


def to_csv(spec: SweepSpec, rows: Sequence[Row]) -> str:
    """A line a cell: the settings, the seed, the measures; empty where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*spec.grid, "seed", *rows[0].measured])
    for row in rows:
        for i, seed in enumerate(spec.seeds):
            values = [as_json(of[i]) for of in row.measured.values()]
            settings = [shown(value) for value in row.settings.values()]
            writer.writerow([*settings, seed, *("" if v is None else v for v in values)])
    return text.getvalue()


def matrix(rows: Sequence[Row], down: str, across: str, grid: dict[str, list[Any]], of: Measure) -> Matrix:
    """A measure over two keys, the others as in the row with the best goodput; nan where none can be told."""
    best = max(rows, key=lambda row: row.mean(GAIN)).settings
    found = np.full((len(grid[down]), len(grid[across])), np.nan)
    for row in rows:
        others = (key for key in row.settings if key not in (down, across))
        if all(row.settings[key] == best[key] for key in others):
            place = grid[down].index(row.settings[down]), grid[across].index(row.settings[across])
            found[place] = row.mean(of)
    return found


Matrix = NDArray[np.float64]

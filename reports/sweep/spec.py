"""A sweep as its file has it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from mockserver.errors import ProfileError
from mockserver.tables import Table, wrong
from reports.errors import ReportError, SpecError
from reports.virtual.stage import Stage, read_seeds, read_stage, read_toml, repeats

MOST_SETTINGS = 10_000
MOST_CELLS = 100_000

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SweepSpec:
    """Every combination of the grid's values, each with every seed.

    Seeds are paired: all settings meet the same evenings. `finding` is what the sweep is to show, in words.
    """

    name: str
    title: str
    finding: str
    stage: Stage
    seeds: tuple[int, ...]
    grid: dict[str, list[Any]]

    @property
    def settings(self) -> list[dict[str, Any]]:
        """The combinations, the last key changing fastest."""
        keys = list(self.grid)
        return [dict(zip(keys, values, strict=True)) for values in itertools.product(*self.grid.values())]


def read_sweep(path: Path) -> SweepSpec:
    """The sweep in a TOML file. Raises SpecError with one line that names the key, its value, and what was
    expected.
    """
    document = read_toml(path)
    try:
        spec = Table("", document)
        if spec.has("range"):
            raise SpecError("[range] belongs to a study (python -m reports tune): expected [grid]")
        title, finding = spec.optional_text("title") or path.stem, spec.optional_text("finding") or ""
        stage = read_stage(spec, path.parent)
        seeds = read_seeds(spec, "seeds", [1])
        grid = _grid(spec.raw("grid", None))
        spec.finish()
        read = SweepSpec(path.stem, title, finding, stage, seeds, grid)
        if (cells := len(read.settings) * len(seeds)) > MOST_CELLS:
            raise SpecError(f"{cells:,} settings times seeds: expected at most {MOST_CELLS:,}")
        for settings in read.settings:
            stage.policy(settings)
            stage.queue(settings)
        stage.load.offer(seeds[0])
    except (ProfileError, HarnessError, ReportError) as error:
        raise SpecError(f"{path}: {error}") from error
    return read


def _grid(table: Any) -> dict[str, list[Any]]:
    if not isinstance(table, Mapping) or not table:
        raise wrong("grid", table, 'a table such as "concurrency.limit" = [25, 50, 100]')
    grid = flat(table, "")
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise wrong(f"grid.{key}", values, "a list of at least one value")
        if repeats(values):
            raise wrong(f"grid.{key}", values, "different values")
    if (count := math.prod(len(values) for values in grid.values())) > MOST_SETTINGS:
        raise SpecError(f"grid: {count:,} combinations: expected at most {MOST_SETTINGS:,}")
    return grid


def _never(_: Mapping[str, Any]) -> bool:
    return False


def flat(
    table: Mapping[str, Any], prefix: str, *, leaf: Callable[[Mapping[str, Any]], bool] = _never
) -> dict[str, Any]:
    """Keys written with quotes ("retry.attempts" = …) or as TOML's own dotted ones (retry.attempts = …).

    A table that is a `leaf` is a value.
    """
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping) and not leaf(value):
            found |= flat(value, f"{prefix}{key}.", leaf=leaf)
        else:
            found[f"{prefix}{key}"] = value
    return found

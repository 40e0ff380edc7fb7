"""A sweep as `sweep.json` tells it: all that its page needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from reports.sweep.result import SHOWN, SHOWN_OF_QUEUE, Row, names_of
from reports.virtual.measures import number


@dataclass(frozen=True, slots=True)
class ToldRow:
    """One of its rows."""

    settings: dict[str, Any]
    pareto: bool
    goodput_behind_best: float
    half_width_95: float | None
    seeds: list[dict[str, float | str | None]]

    def __post_init__(self) -> None:
        """What the page asks of a row. Raises ValueError."""
        if missing := sorted({name for name in SHOWN for seed in self.seeds if name not in seed}):
            raise ValueError(f"a seed without {missing[0]}")

    @property
    def row(self) -> Row:
        """The row that was told."""
        names = names_of(all(name in seed for name in SHOWN_OF_QUEUE for seed in self.seeds))
        measured = {name: tuple(number(seed[name]) for seed in self.seeds) for name in names}
        return Row(self.settings, measured, self.goodput_behind_best, number(self.half_width_95), self.pareto)


@dataclass(frozen=True, slots=True)
class Told:
    """The fields of the document."""

    kind: Literal["sweep"]
    title: str
    finding: str
    about: str
    policy: str
    stage: dict[str, Any]
    seeds: list[int]
    grid: dict[str, list[Any]]
    real: list[dict[str, Any]]
    rows: list[ToldRow]
    base: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """What the page asks of the whole. Raises ValueError."""
        if not self.rows or not self.seeds:
            raise ValueError("no row, or no seed")
        for row in self.rows:
            if len(row.seeds) != len(self.seeds):
                raise ValueError(f"a row of {len(row.seeds)} seeds: expected {len(self.seeds)}")
            if list(row.settings) != list(self.grid) or any(
                value not in self.grid[key] for key, value in row.settings.items()
            ):
                raise ValueError(f"a row that is not on the grid: {row.settings}")

    @property
    def sweep_rows(self) -> list[Row]:
        """Its rows."""
        return [told.row for told in self.rows]

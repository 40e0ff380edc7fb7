"""Play a sweep, or what is left of it, and write what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from reports.drawing import canvas
from reports.drawing.canvas import Draw, Size
from reports.summary.result import save, to_json
from reports.sweep import page, plots
from reports.sweep.result import GAIN, Row, document, rows_of, to_csv
from reports.sweep.spec import Settings, SweepSpec
from reports.sweep.told import Told
from reports.telling.progress import Progress
from reports.virtual.beside import Beside, replay_all
from reports.virtual.cell import Cell, Figures, play_cell
from reports.virtual.pool import Pool, Store

MAPS, FRONT = Size(14.0, 4.2, 9), Size(9.0, 5.2, 9)


def replay(spec: SweepSpec, rows: Sequence[Row], out: Path) -> list[Beside]:
    """The best setting in real time, beside the policy that the sweep starts from."""
    best = max(rows, key=lambda row: row.mean(GAIN))
    settings: dict[str, Settings] = {"base": {}, "best": best.settings}
    played = [(name, play_cell(Cell(spec.stage, some, spec.seeds[0]))) for name, some in settings.items()]
    return replay_all(spec.stage, played, out)


def play(spec: SweepSpec, out: Path, jobs: int) -> list[Row]:
    """The rows of a sweep. Finished cells are kept in `out`, and not played again."""
    return rows_of(list(zip(spec.settings, figures(spec, out, jobs), strict=True)))


def figures(spec: SweepSpec, out: Path, jobs: int) -> list[list[Figures]]:
    """Of every setting, in the order of the spec, the figures of each seed; kept as by `play`."""
    progress = Progress(len(spec.settings) * len(spec.seeds), "cells")
    try:
        with Pool(jobs, Store(out)) as pool:
            return pool.figures(spec.stage, spec.settings, spec.seeds, progress.step)
    finally:
        progress.close()


def write(spec: SweepSpec, rows: Sequence[Row], real: Sequence[Beside], out: Path) -> list[Path]:
    """`sweep.json`, `sweep.csv`, `sweep.html` and two pictures, from the same numbers."""
    told = document(spec, rows, real)
    drawn: dict[str, tuple[Draw, Size]] = {
        "grid.png": (plots.measured(spec.grid, rows), MAPS),
        "pareto.png": (plots.pareto(rows), FRONT),
    }
    return [
        save(out / "sweep.json", to_json(told).encode()),
        save(out / "sweep.csv", to_csv(spec, rows).encode()),
        save(out / "sweep.html", page.render(msgspec.convert(told, Told)).encode()),
        *(save(out / name, canvas.png(draw, size)) for name, (draw, size) in drawn.items()),
    ]

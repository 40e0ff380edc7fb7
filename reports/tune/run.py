"""Run a study, or what is left of it, and write what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.drawing import canvas
from reports.drawing.canvas import Draw, Size
from reports.summary.result import save, to_json
from reports.telling.progress import Progress
from reports.tune import page, plots, result
from reports.tune.race import KEPT, candidate, race
from reports.tune.result import HeldOut, Tuned
from reports.tune.spec import TuneSpec
from reports.tune.study import Search
from reports.tune.told import told as told_of
from reports.virtual.beside import replay_all
from reports.virtual.cell import Figures
from reports.virtual.pool import Pool, Store

PICTURE = Size(9.6, 4.2, 13)


def tune(spec: TuneSpec, out: Path, jobs: int, storage: str | None, *, real: bool = False) -> Tuned:
    """Search, race, and hold the winner to seeds that it has not seen; with `real`, to real time as well.

    Trials and cells are kept in `out`: a study that was cut off goes on where it was.
    """
    store = Store(out)
    search = Search(spec, out, storage)
    progress = Progress(_expected(spec), "runs")
    try:
        with Pool(jobs, store) as pool:

            def play(settings: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> list[list[Figures]]:
                by_stage = [pool.figures(stage, settings, seeds, progress.step) for stage in spec.stages]
                return [[f for figures in of for f in figures] for of in zip(*by_stage, strict=True)]

            search.run(lambda asked: list(play(asked, spec.seeds[: spec.first_seeds])))
            raced = race(spec, search.tried(), play)
            held_out = None
            if raced.winner is not None and raced.winner is not raced.today:
                today, won = play([{}, raced.winner.settings], spec.held_out)
                kept = candidate(spec, raced.winner.number, raced.winner.settings, won).feasible
                held_out = HeldOut(today, won, kept)
    finally:
        progress.close()
    beside = []
    if real and held_out is not None:
        pairs = [("today", held_out.today[0]), ("winner", held_out.winner[0])]
        beside = replay_all(spec.stage, pairs, out)
    return Tuned(spec, raced, held_out, beside)


def _expected(spec: TuneSpec) -> int:
    """How many cells a study comes to; today's settings are in every step."""
    runs, left = spec.trials * spec.rungs[0], spec.trials + 1
    for seeds in spec.rungs:
        runs += left * seeds
        left = -(-left // KEPT) + 1
    return (runs + 2 * len(spec.held_out)) * len(spec.stages)


def write(tuned: Tuned, out: Path) -> list[Path]:
    """`tuned.toml`, `tune.json`, `tune.html` and two pictures, from the same numbers."""
    document = result.document(tuned)
    told = told_of(document)
    drawn: dict[str, Draw] = {"tried.png": plots.tried(told)}
    if told.course is not None:
        drawn["course.png"] = plots.courses(told.course)
    return [
        save(out / "tuned.toml", result.policy_file(tuned).encode()),
        save(out / "tune.json", to_json(document).encode()),
        save(out / "tune.html", page.render(told).encode()),
        *(save(out / name, canvas.png(draw, PICTURE)) for name, draw in drawn.items()),
    ]

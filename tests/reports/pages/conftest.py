"""Pages of every sort on disk, and one browser to look at them with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reports.compare import changes
from reports.compare import page as compare_page
from reports.compare import result as compare_result
from reports.figures.objectives import DEFAULT
from reports.reading.load import read_run
from reports.summary import page as run_page
from reports.summary.result import summarise
from reports.sweep import run as sweep_run
from reports.sweep.result import rows_of
from reports.sweep.spec import SweepSpec
from reports.tune import run as tune_run
from reports.tune.race import race
from reports.tune.result import HeldOut, Tuned
from reports.virtual.folder import play_into
from reports.virtual.stage import stage_of
from tests.reports.pages import hostile
from tests.reports.pages.browser import NAMES, Chromium, executable
from tests.reports.tune import made
from tests.reports.virtual import small


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    path = executable()
    if path is None:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} in PATH (Debian: apt-get install chromium)")
    browser = Chromium(path)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory, evenings: dict[str, Path]) -> dict[str, Path]:
    """A page of each sort: one of a virtual run, one of runs with all that real ones have."""
    folder = tmp_path_factory.mktemp("pages")
    evening = {"window": "19:30-20:30", "length": "1m", "peak_rps": 20}
    stage = stage_of({"policy": "article", "mock_profile": "primetime", "evening": evening}, folder)
    played = read_run(play_into(stage, stage.policy({}), 1, folder))
    runs = [read_run(path) for path in evenings.values()]
    compared = compare_result.collect(runs, DEFAULT)
    texts = {
        "run": run_page.render(played, DEFAULT, summarise(played, DEFAULT)),
        "real": run_page.render(runs[0], DEFAULT, summarise(runs[0], DEFAULT)),
        "compare": compare_page.render(compared, compare_result.warnings(runs), changes.decide(compared)),
        "hostile": hostile.page(folder / "hostile"),
        "hostiles": hostile.comparison(folder / "hostiles"),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    found = {name: folder / f"{name}.html" for name in texts}
    return {**found, "sweep": _sweep(folder / "sweep"), "tune": _tune(folder / "tune")}


def _sweep(folder: Path) -> Path:
    folder.mkdir()
    grid = {"concurrency.limit": [10, 25, 50, 100], "retry.attempts": [1, 2, 3]}
    spec = SweepSpec("small", "Permits and attempts", "It shows.", small.stage(), (1, 2, 3), grid)
    cells = [
        (some, [small.figures(1 + place + seed / 10, 100.0 + 40 * place, seed=seed) for seed in spec.seeds])
        for place, some in enumerate(spec.settings)
    ]
    sweep_run.write(spec, rows_of(cells), [], folder)
    return folder / "sweep.html"


def _tune(folder: Path) -> Path:
    folder.mkdir()
    spec = replace(made.spec("goodput > 2"), title="Better than today")
    raced = race(spec, made.tried(90, 80, 70, 60, 20, 10), made.play_all(made.by_limit))
    today, winner = ([small.figures(goodput) for goodput in of] for of in GAINS)
    tune_run.write(Tuned(spec, raced, HeldOut(today, winner, kept=True)), folder)
    return folder / "tune.html"


#: Goodput on the held-out seeds, today's and the winner's.
GAINS = ((1.0, 2.0, 1.5), (3.0, 4.0, 3.2))

"""`html`: the page of whatever a folder holds, again and again the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports import __main__ as cli
from reports.sweep import run as sweep_run
from reports.sweep.result import rows_of
from reports.sweep.spec import SweepSpec
from reports.tune import run as tune_run
from reports.tune.race import race
from reports.tune.result import HeldOut, Tuned
from reports.virtual.beside import Beside
from tests.reports import runs
from tests.reports.html_check import Page
from tests.reports.tune import made
from tests.reports.virtual import small


def sweep(folder: Path) -> Path:
    """What `sweep` leaves: one setting never recovers, one was replayed in real time."""
    folder.mkdir()
    grid = {"concurrency.limit": [1, 2, 5], "breaker.kind": ["ratio", "off"]}
    spec = SweepSpec("small", "Small & <b>", "It shows.", small.stage(), (1, 2), grid)
    cells = [
        (some, [small.figures(1 + i / 3, seed=s, time_to_recover_s="inf" if i else None) for s in spec.seeds])
        for i, some in enumerate(spec.settings)
    ]
    real = [Beside("best", small.figures(3.0), small.figures(2.5, billed_tokens=None), ("too slow",))]
    sweep_run.write(spec, rows_of(cells), real, folder)
    return folder


def study(folder: Path) -> Path:
    """What `tune` leaves."""
    folder.mkdir()
    spec = made.spec("call_latency.p99 < 20s")
    raced = race(spec, made.tried(90, 80, 20), made.play_all())
    held = HeldOut([small.figures(g) for g in (1, 2)], [small.figures(g) for g in (3, 4)], kept=True)
    tune_run.write(Tuned(spec, raced, held), folder)
    return folder


def html(*arguments: object) -> int:
    return cli.main(["html", *map(str, arguments)])


@pytest.mark.parametrize(("make", "name"), [(sweep, "sweep.html"), (study, "tune.html")])
def test_a_page_is_made_again_from_the_document_alone(tmp_path: Path, make: Any, name: str) -> None:
    folder = make(tmp_path / "made")
    page = folder / name
    first = page.read_bytes()
    for path in folder.iterdir():
        if path.suffix != ".json":
            path.unlink()
    assert html(folder) == 0
    assert page.read_bytes() == first
    assert html(folder, "-o", tmp_path / "other.html") == 0
    assert (tmp_path / "other.html").read_bytes() == first
    assert Page(first.decode()).wrong == []


def test_a_sweep_shows_what_was_replayed_in_real_time(tmp_path: Path) -> None:
    text = Page((sweep(tmp_path / "made") / "sweep.html").read_text(encoding="utf-8")).text
    assert "best, virtual" in text
    assert "best: too slow" in text


def test_several_runs_give_the_page_that_compare_writes(tmp_path: Path) -> None:
    folders = [runs.paper_run(tmp_path / "runs" / name, policy=name) for name in ("article", "tuned")]
    assert cli.main(["compare", *map(str, folders)]) == 0
    page = tmp_path / "runs" / "compare.html"
    first = page.read_bytes()
    page.unlink()
    assert html(*folders) == 0
    assert page.read_bytes() == first
    assert html(*folders, "-o", tmp_path / "x.html") == 0
    assert (tmp_path / "x.html").read_bytes() == first


def test_pairs_of_several_seeds_met_the_same_evenings(tmp_path: Path) -> None:
    folders = [
        runs.paper_run(tmp_path / f"{name}{seed}", policy=name, seed=seed)
        for name in ("article", "tuned")
        for seed in (1, 2)
    ]
    assert html(*folders, "-o", tmp_path / "x.html") == 0
    assert "did not meet the same evening" not in (tmp_path / "x.html").read_text()


def test_a_run_given_twice_is_no_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = runs.paper_run(tmp_path / "run")
    assert html(folder, folder) == cli.main(["compare", str(folder), str(folder)]) == 2
    assert capsys.readouterr().err.count("given twice: expected different runs") == 2


def test_a_comparison_shows_what_differs_first(tmp_path: Path) -> None:
    folders = [runs.paper_run(tmp_path / name, policy=name) for name in ("article", "tuned")]
    assert html(*folders, "-o", tmp_path / "x.html") == 0
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    differing = text[text.index("What differs") : text.index("All of article")]
    assert "policy.name" in differing
    assert "policy.deadline_s" not in differing


def edited(folder: Path, file: str, **changes: Any) -> Path:
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


def both(folder: Path) -> Path:
    (study(folder) / "sweep.json").write_text("{}")
    return folder


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


BAD_INPUT: dict[str, tuple[Any, str]] = {
    "nothing there": (lambda at: at, "no such folder"),
    "an empty folder": (empty, "neither a run, nor a sweep, nor a study: expected one of manifest.json"),
    "two in one": (both, "sweep.json and tune.json in one folder"),
    "of another version": (
        lambda at: edited(sweep(at), "sweep.json", about=3),
        "sweep.json: damaged, or of another version: Expected `str`, got `int` - at `$.about`",
    ),
    "no rows": (lambda at: edited(sweep(at), "sweep.json", rows=[]), "no row, or no seed"),
    "off the grid": (lambda at: edited(sweep(at), "sweep.json", grid={"a": [1]}), "not on the grid"),
    "fewer seeds": (lambda at: edited(sweep(at), "sweep.json", seeds=[1]), "a row of 2 seeds: expected 1"),
    "nobody's measure": (
        lambda at: edited(study(at), "tune.json", objectives=["speed"]),
        "no such measure: speed",
    ),
    "without today's": (
        lambda at: edited(study(at), "tune.json", last=[]),
        "today's settings are not among the last",
    ),
}


@pytest.mark.parametrize(("make", "message"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_a_folder_that_is_none_of_these_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Any, message: str
) -> None:
    folder = make(tmp_path / "made")
    capsys.readouterr()
    assert html(folder) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"reports: error: {folder}")
    assert message in err
    assert err.count("\n") == 1


def test_sweeps_are_not_compared_and_choose_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, run = sweep(tmp_path / "made"), runs.paper_run(tmp_path / "run")
    assert html(run, folder) == 2
    assert f"{folder}: no run: expected runs" in capsys.readouterr().err
    assert html(folder, "--goodput", "call_latency:1000") == 2
    assert "--goodput, --prices and --failures are for runs" in capsys.readouterr().err
    assert html(folder, "--failures", "took") == 2
    assert "--goodput, --prices and --failures are for runs" in capsys.readouterr().err

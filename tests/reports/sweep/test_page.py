"""The table, the page and the pictures of a sweep, whatever its grid and its figures."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from reports.sweep import page, run
from reports.sweep.result import rows_of
from reports.sweep.spec import SweepSpec
from reports.virtual.cell import Figures
from tests.reports.html_check import Page
from tests.reports.virtual import small

PNG = b"\x89PNG\r\n\x1a\n"
FIGURE = re.compile(r'<div class="desk">(.*?)</div>', re.DOTALL)

GRIDS: dict[str, dict[str, list[Any]]] = {
    "one key": {"concurrency.limit": [1, 2, 5, 10]},
    "two keys": {"concurrency.limit": [1, 2], "retry.attempts": [1, 2, 3]},
    "three keys": {"breaker.kind": ["ratio", "off"], "deadline_s": [9, 20], "retry.attempts": [1, 2]},
    "a single value": {"concurrency.limit": [5]},
    "one of two varied": {"concurrency.limit": [5], "retry.attempts": [1, 2]},
    "words": {"retry.jitter": ["full", "none"], "retry.on": [["timeout"], ["timeout", "overloaded"]]},
    "thirty values": {"concurrency.limit": list(range(10, 310, 10))},
    "a great map": {"concurrency.limit": list(range(10, 310, 10)), "retry.attempts": list(range(1, 11))},
    "a hostile name": {"<script>alert(1)</script>": ["</svg><img src=x>", "$a_b$"]},
}


def figures(place: int, seed: int) -> Figures:
    """A better goodput at a higher price, place by place."""
    return small.figures(1 + place + seed / 10, 100.0 * (1 + place), seed=seed)


def endless(_: int, seed: int) -> Figures:
    """Nothing ever got well."""
    latency = dict.fromkeys(("p50", "p90", "p95", "p99", "p99.9", "mean", "max"), "inf") | {"n": 1000}
    return small.figures(0.0, seed=seed, time_to_recover_s="inf", call_latency_ms=latency)


def untold(_: int, seed: int) -> Figures:
    """Nobody called."""
    nothing = dict.fromkeys(("p50", "p90", "p95", "p99", "p99.9", "mean", "max")) | {"n": 0}
    none: dict[str, Any] = {"amplification": None, "shed_rate": None, "call_latency_ms": nothing}
    return small.figures(0.0, seed=seed, calls=0, outcomes={"ok": 0}, **none)


def written(
    folder: Path, grid: dict[str, list[Any]], of: Any = figures, seeds: tuple[int, ...] = (1, 2)
) -> tuple[str, Page]:
    """The table and the page of a sweep made up, and its files in a folder."""
    spec = SweepSpec("small", "Small & <b>", "It shows.", small.stage(), seeds, grid)
    cells = [(some, [of(i, seed) for seed in seeds]) for i, some in enumerate(spec.settings)]
    rows = rows_of(cells)
    paths = run.write(spec, rows, [], folder)
    assert [path.name for path in paths] == [
        "sweep.json",
        "sweep.csv",
        "sweep.html",
        "grid.png",
        "pareto.png",
    ]
    assert all(path.read_bytes().startswith(PNG) for path in paths if path.suffix == ".png")
    return page.text(spec, rows), Page((folder / "sweep.html").read_text(encoding="utf-8"))


def table_of(text: str) -> list[str]:
    """The lines of the table: it stands last."""
    return text.rsplit("\n\n", maxsplit=1)[-1].splitlines()


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_a_page_of_any_grid_is_sound_and_loads_nothing(tmp_path: Path, grid: dict[str, list[Any]]) -> None:
    text, found = written(tmp_path, grid)
    assert found.wrong == []
    assert len(found.ids) == len(set(found.ids))
    assert "Small & <b>" in found.text
    assert len(table_of(text)) == 1 + math.prod(map(len, grid.values()))


@pytest.mark.parametrize("of", [endless, untold])
@pytest.mark.parametrize("grid", ["one key", "two keys", "a single value"])
def test_without_a_number_to_draw_it_says_so(tmp_path: Path, grid: str, of: Any) -> None:
    text, found = written(tmp_path, GRIDS[grid], of)
    assert found.wrong == []
    settings = math.prod(map(len, GRIDS[grid].values()))
    assert f"{settings} without a good call: no cost to show" in found.text
    assert ("∞" if of is endless else "–") in text


def test_points_of_the_front_have_the_numbers_of_the_table(tmp_path: Path) -> None:
    text, _ = written(tmp_path, GRIDS["one key"])
    lines = [line.split() for line in table_of(text)[1:]]
    # Goodput rises with the limit, and so does the cost: all are on the front, the best first.
    assert [line[:2] for line in lines] == [["1", "10"], ["2", "5"], ["3", "2"], ["4", "1"]]
    html = (tmp_path / "sweep.html").read_text(encoding="utf-8")
    picture = FIGURE.findall(html)[1]
    assert re.findall(r">([1-9](?:–\d)?)</text>", picture) == ["1", "2", "3", "4"]


def test_points_that_coincide_share_a_label(tmp_path: Path) -> None:
    written(tmp_path, GRIDS["one key"], lambda _, seed: small.figures(3.0, 100.0, seed=seed))
    picture = FIGURE.findall((tmp_path / "sweep.html").read_text(encoding="utf-8"))[1]
    assert re.findall(r">(1–4)</text>", picture) == ["1–4"]


def test_costs_that_differ_many_times_stand_on_a_logarithmic_axis(tmp_path: Path) -> None:
    def dear(place: int, seed: int) -> Figures:
        return small.figures(1.0 + place, 100.0 * 10**place, seed=seed)

    written(tmp_path, GRIDS["one key"], dear)
    picture = FIGURE.findall((tmp_path / "sweep.html").read_text(encoding="utf-8"))[1]
    texts = re.findall(r">([^<>]+)</text>", picture)
    assert {"100", "1,000", "10,000", "100,000"} <= set(texts)
    assert not [text for text in texts if "math" in text or "^" in text]


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    text, _ = written(tmp_path, GRIDS["one key"], seeds=(1,))
    assert "±" not in text
    assert "best" in text


def test_the_same_figures_give_the_same_files(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
        written(folder, GRIDS["two keys"])
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes(), path.name
